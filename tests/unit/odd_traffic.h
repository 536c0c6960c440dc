/* SPDX-License-Identifier: BSD-2-Clause
 *
 * odd_traffic.h: for tests: a few conversations at random, in which anything goes wrong that can.
 */
#ifndef FOS_TEST_ODD_TRAFFIC_H
#define FOS_TEST_ODD_TRAFFIC_H

#include "engine_run.h"

enum { ODD_STEPS = 500 }; /* of which most are a packet, and some are several */

/* Adds them to t: TCP and UDP, IPv4 and IPv6, with and without a VLAN. */
void odd_traffic(struct er_trace *t, uint64_t *rnd);

#endif
