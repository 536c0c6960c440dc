/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_conf.h: what the middlebox is to do: ports, flows, pipelines, caps, impairments, how it is talked to. From a
 * file (libconfig's notation) and from a command line; flowos.conf(5) describes the keys.
 *
 * One thread. Reading blocks on the file. All texts belong to the configuration.
 */
#ifndef MB_CONF_H
#define MB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/impair_spec.h>
#include <flowos/release.h>

#include "replay.h"

enum {
	MB_INTERFACES_MAX = 2,
	MB_FLOWS_MAX = 64,
	MB_PIPELINES_MAX = 64,
	MB_WORKERS_MAX = 64,
	MB_TEXTS_MAX = 4096,
	MB_FILE_MAX = 1 << 20,
};

struct mb_pipeline {
	const char *name, *level; /* level: NULL, what each module says */
	const char *stage[BENCH_STAGES_MAX];
	unsigned stages;
};

/* When packets leave; 0: not said. */
struct mb_release {
	enum { MB_RELEASE_TAP = 1, MB_RELEASE_GATE } how;
	enum { MB_FAIL_OPEN = 1, MB_FAIL_CLOSED } fail;
};

struct mb_flow {
	const char *name, *filter, *interface, *levels; /* NULL: any, any, all */
	int pipeline;                                   /* number, -1: none */
	struct mb_release release;                      /* what is not said: mb_conf.release */
};

/* 0: the engine's default */
struct mb_caps {
	uint64_t direction, total, retained, sessions;
};

/* How packets come from an interface; 0: not said. Of XDP, what flowos/afxdp.h has. */
enum mb_port { MB_PORT_AFPACKET = 1, MB_PORT_AFXDP };
enum mb_xdp { MB_XDP_AUTO = 1, MB_XDP_NATIVE, MB_XDP_GENERIC, MB_XDP_COPY, MB_XDP_ZEROCOPY };

/* A live port's ring. 0: the port's default. */
struct mb_ring {
	enum mb_port port;
	enum mb_xdp xdp;      /* with MB_PORT_AFXDP: the ways that are tried */
	uint64_t bytes;       /* of the receive ring, per interface and worker */
	uint64_t frame_bytes; /* the largest frame that is received whole */
	uint64_t slot_bytes;  /* frames: a larger one does not come by the ring, but by a call */
	uint64_t block_ns;    /* blocks: how long one is filled at most; whole ms */
	bool blocks;          /* packets come in blocks; else each by itself */
	bool send_ring;       /* sent through a ring; else by calls */
	bool qdisc_bypass;    /* what is sent goes past the kernel's queueing discipline */
};

struct mb_conf {
	const char *program; /* for messages */
	const char *path;    /* of the file, or NULL */
	const char *interface[MB_INTERFACES_MAX];
	unsigned interfaces;        /* 0 with a trace */
	unsigned named;             /* of them have a name that flows may refer to, also when a trace stands for them */
	const char *trace, *output; /* instead of interfaces */
	bool wait;                  /* at the start, for interfaces that are not there yet */
	struct mb_ring ring;
	unsigned workers;
	bool no_handoff;                 /* each worker has the packets that the kernel gave it, and no others */
	struct bench_engine_opts engine; /* without stages and filter: these are pipelines and flows */
	struct mb_release release;       /* of flows that do not say it; not said here either: tap, open */
	struct mb_caps caps;
	struct fos_impair_spec impair;
	struct mb_flow flow[MB_FLOWS_MAX];
	unsigned flows;
	struct mb_pipeline pipeline[MB_PIPELINES_MAX];
	unsigned pipelines;
	const char *control, *metrics, *user, *json; /* NULL: none */
	bool control_given, no_seccomp, keep_net_admin;
	uint64_t duration_ns; /* 0: until it is told to end */
	char *text[MB_TEXTS_MAX];
	const char *place[MB_TEXTS_MAX]; /* of those from a file: where it says so, one of `text`; else NULL */
	unsigned texts;
};

/* Nothing is configured. */
void mb_conf_init(struct mb_conf *c);
void mb_conf_free(struct mb_conf *c);

/* A copy of the text that lasts as long as the configuration; NULL: no memory, or too many of them. */
const char *mb_conf_keep(struct mb_conf *c, const char *text);

/* Where a text comes from, for a message about it: "flowos.conf:12: flows[0].filter: ", "" where it is of no file. */
const char *mb_conf_where(const struct mb_conf *c, const char *text);

/* Reads a file ("-": standard input) into *c, which was initialised. Returns 0, or a negative errno with a line in err that
 * names file, line and key: "flowos.conf:12: flows[0].filter: ...". */
int mb_conf_read(struct mb_conf *c, const char *path, char *err, size_t errlen);

/* Adds one flow for everything (or for `filter`) with these stages, as a command line without a file does. */
int mb_conf_simple(struct mb_conf *c, const struct bench_engine_opts *o, char *err, size_t errlen);

/* What contradicts itself, once all is known. Returns 0 or a negative errno with a line in err. */
int mb_conf_check(const struct mb_conf *c, char *err, size_t errlen);

/* "eth0" or "eth0,eth1". Returns 0 or a negative errno with a line in err. */
int mb_conf_live(struct mb_conf *c, const char *text, char *err, size_t errlen);

/* "tap" or "gate", "open" or "closed" into *r. Returns 0 or -EINVAL with a line in err. */
int mb_conf_release(struct mb_release *r, const char *text, char *err, size_t errlen);
int mb_conf_fail(struct mb_release *r, const char *text, char *err, size_t errlen);

/* What the flow does; is any flow a gate? */
enum fos_release mb_conf_flow_release(const struct mb_conf *c, const struct mb_flow *f);
bool mb_conf_gates(const struct mb_conf *c);

/* Every setting as a key and a text, in a fixed order: "flows[0].filter", "tcp port 80". */
typedef void mb_setting(void *arg, const char *key, const char *value);
void mb_conf_list(const struct mb_conf *c, mb_setting *each, void *arg);

/* What is different in `now`: `each` is called for every key whose value changed, came or went (NULL). */
typedef void mb_change(void *arg, const char *key, const char *old_value, const char *new_value);
int mb_conf_diff(const struct mb_conf *old, const struct mb_conf *now, mb_change *each, void *arg);

/* Can it be changed while traffic runs? */
bool mb_conf_changeable(const char *key);

#endif
