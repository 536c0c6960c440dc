/* SPDX-License-Identifier: BSD-2-Clause
 *
 * netns.h: a network namespace of the test's own, with cables in it, raw sockets to send by, and frames to send. Helpers
 * fail the test where something does not work.
 */
#ifndef FLOWOS_TEST_NETNS_H
#define FLOWOS_TEST_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/frame.h>
#include <flowos/port.h>

/* Moves the process into a new network namespace without addresses or IPv6, which goes with it, and
 * to one CPU, so that what it sends stays in order. Where that cannot be done,
 * says why and ends the program with status 77. */
void netns_enter(void);

/* Runs a command (printf's format) by the shell; it must succeed. */
void netns_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool netns_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A cable between two new interfaces that are up, without packets of the kernel's own. `offloads`: its ends take super-packets
 * and partial checksums. */
void netns_cable(const char *one, const char *other, bool offloads);

/* A raw socket that sends through an interface, made when that sends (or 5 s later); with `vnet`, offload state as netns_send_frame() gives it. */
int netns_socket(const char *name, bool vnet);
void netns_send(int fd, const void *bytes, uint32_t len);
void netns_send_frame(int fd, const struct fos_frame *f); /* by a socket with vnet */

void netns_send_by(struct fos_port *p, const struct fos_frame *f); /* by a port */

/* Bytes of a frame, len >= 14, that another seed gives others; no protocol looks at it. */
void netns_fill(uint8_t *bytes, uint32_t len, uint32_t seed);

/* Sends `count` frames of 200 bytes in batches by one port, at most `ahead` more than have come at the other: all come, in order. */
void netns_many(struct fos_port *from, struct fos_port *to, uint32_t count, uint32_t ahead);

/* Receives, with a deadline of `ms`, until `want` frames have come: copies them, each of its own malloc() in one piece. Returns how
 * many came; another event of the port ends it too, and goes to *event where that is not NULL. */
uint32_t netns_receive(struct fos_port *p, struct fos_frame *to, uint32_t want, int ms, int *event);
void netns_free(struct fos_frame *f, uint32_t n);

enum { NETNS_PATIENCE_MS = 20000 }; /* for what must come: a busy machine may take its time */

uint64_t netns_now_ns(void); /* CLOCK_REALTIME, which packets are stamped with */

/* Until when that must have come. */
static inline uint64_t netns_deadline(void)
{
	return netns_now_ns() + (uint64_t)NETNS_PATIENCE_MS * 1000000;
}

#endif
