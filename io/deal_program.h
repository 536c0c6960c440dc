/* SPDX-License-Identifier: BSD-2-Clause
 *
 * deal_program.h: flowos/shard.h as a program of the kernel's packet filter, which says to which socket of a fanout group a packet
 * goes. Internal; pure functions.
 *
 * It looks through VLAN tags and PPPoE, IPv4 options and IPv6 extension headers, as long as there are few, and says what
 * fos_shard_of() says. It looks into no tunnel, and puts no fragments together: these go by the outermost addresses, and those
 * of a tunnel in UDP by its ports, too.
 */
#ifndef FOS_DEAL_PROGRAM_H
#define FOS_DEAL_PROGRAM_H

#include <stdint.h>

#include <flowos/shard.h>

struct sock_filter;

enum { FOS__DEAL_MAX = 512 };

/* Writes at most FOS__DEAL_MAX instructions; returns how many. The kernel runs them on what is behind the Ethernet header, and behind
 * the first tag where there is one. */
unsigned fos__deal_program(const struct fos_shard *s, struct sock_filter *to);

#endif
