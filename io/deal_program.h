/* SPDX-License-Identifier: BSD-2-Clause
 *
 * deal_program.h: flowos/shard.h as a program of the kernel's packet filter, which says to which socket of a fanout group a packet
 * goes. Internal; pure functions.
 *
 * It looks through VLAN tags and PPPoE, IPv4 options and IPv6 extension headers, as long as there are few, and into one tunnel: IP in
 * IP, GRE, VXLAN; and says what fos_shard_of() says. Other tunnels go by the ends that it sees last, and fragments, which
 * it does not put together, by their addresses.
 */
#ifndef FOS_DEAL_PROGRAM_H
#define FOS_DEAL_PROGRAM_H

#include <stdint.h>

#include <flowos/shard.h>

struct sock_filter;

enum { FOS__DEAL_MAX = 1024 };

/* Writes at most FOS__DEAL_MAX instructions; returns how many. The kernel runs them on what is behind the Ethernet header, and behind
 * the first tag where there is one. */
unsigned fos__deal_program(const struct fos_shard *s, struct sock_filter *to);

#endif
