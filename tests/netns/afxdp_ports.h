/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_ports.h: AF_XDP ports for the tests, and frames to send by them. Helpers fail the test where something does not work.
 */
#ifndef FLOWOS_TEST_AFXDP_PORTS_H
#define FLOWOS_TEST_AFXDP_PORTS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <flowos/afxdp.h>

#include "netns.h"
#include "parse_build.h"

/* As netns_enter(); and where the kernel or the build has no AF_XDP, the program ends with status 77. */
static inline void afxdp_enter(void)
{
	unsigned major = 0, minor = 0;
	struct fos_port *p = NULL;
	struct utsname u;
	char err[300] = "";
	int fd;

	netns_enter();
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2 || major < 6 ||
	    (major == 6 && minor < 8)) {
		printf("skipped: a kernel with AF_XDP is needed, Linux 6.8\n");
		exit(77);
	}
	close(fd);
	if (fos_afxdp_open("no-such", NULL, &p, err, sizeof err) == -ENOTSUP) {
		printf("skipped: %s\n", err);
		exit(77);
	}
}

/* What was said while ports were opened. */
static char heard[2000];
static unsigned lines;

static inline void hear(void *arg, const char *text)
{
	size_t at = strlen(heard);

	(void)arg;
	snprintf(heard + at, sizeof heard - at, "%s\n", text);
	lines++;
}

static inline struct fos_port *port_of(const char *name, struct fos_afxdp_opts o)
{
	struct fos_port *p = NULL;
	char err[300] = "";

	heard[0] = '\0';
	lines = 0;
	o.say = hear;
	o.ring_bytes = o.ring_bytes ? o.ring_bytes : 4 << 20;
	if (fos_afxdp_open(name, &o, &p, err, sizeof err))
		fail_msg("opening %s: %s", name, err);
	return p;
}

static inline struct fos_port *port(const char *name, enum fos_afxdp_mode mode)
{
	return port_of(name, (struct fos_afxdp_opts){ .mode = mode });
}

static const struct {
	enum fos_afxdp_mode mode;
	const char *how;
} kinds[] = { { FOS_AFXDP_NATIVE, "native, copying, 1 queue" }, { FOS_AFXDP_GENERIC, "generic, copying, 1 queue" } };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Is there an XDP program on the interface? */
static inline bool taken(const char *name)
{
	return netns_try("ip link show %s | grep -q xdp", name);
}

/* Waits until rx says that something became of the interface, and returns that; no frame comes. */
static inline int what_became(struct fos_port *p)
{
	struct fos_frame got;
	int event = 0;

	assert_int_equal(netns_receive(p, &got, 1, NETNS_PATIENCE_MS, &event), 0);
	return event;
}

/* One frame comes, with these bytes; offload state other than a partial checksum is none. */
static inline void comes(struct fos_port *p, const uint8_t *bytes, uint32_t len, struct fos_frame *got)
{
	assert_int_equal(netns_receive(p, got, 1, NETNS_PATIENCE_MS, NULL), 1);
	assert_int_equal(got->len, len);
	assert_int_equal(got->wire_len, len);
	assert_int_equal(got->gso_type, 0);
	assert_memory_equal(got->data, bytes, len);
}

#endif
