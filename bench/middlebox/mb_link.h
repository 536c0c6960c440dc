/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_link.h: a place where packets come in and go out, and that may come and go itself: an interface that goes down and
 * up, is renamed or deleted, and is opened again when something has its name, with growing pauses; or a trace.
 *
 * One thread: the worker's that has it. Opening may block for as long as the kernel takes. What happens to it is said through
 * mb_link.say.
 */
#ifndef MB_LINK_H
#define MB_LINK_H

#include <net/if.h>
#include <stdbool.h>

#include <flowos/port.h>

#include "mb_conf.h"

enum {
	MB_BACKOFF_FIRST_MS = 50,
	MB_BACKOFF_MOST_MS = 2000,
	MB_LOOK_MS = 250,
	MB_TROUBLE_BITS = 64 / MB_INTERFACES_MAX, /* of what `trouble` counts, for each interface */
};

/* A line about an interface, for whoever watches. May be called from any worker's thread. */
typedef void mb_say(void *arg, const char *text);

struct mb_link;

/* How a link's port is opened. What it does otherwise than it was asked to, it says; where it succeeds, err may say besides what is
 * less than was asked for, else it is "". */
typedef int mb_opener(const struct mb_link *l, struct fos_port **port, char *err, size_t errlen);
mb_opener mb_open_live, mb_open_trace;

enum mb_link_state {
	MB_LINK_GONE, /* no port */
	MB_LINK_DOWN, /* the port says that the interface is down */
	MB_LINK_UP,
};

struct mb_link {
	mb_opener *opener;
	enum mb_link_state state;
	bool probe; /* it is down, and may be asked again */
	const struct mb_conf *conf;
	char name[256];
	unsigned index, worker;
	struct fos_port *port;
	char kind[16], how[64];       /* of its port, the last that it had: "afxdp", "native, copying, 1 queue" */
	bool plain;                   /* by AF_PACKET from here on, whatever was asked for */
	unsigned ifindex;             /* 0: not known, or no interface; for messages */
	uint64_t next_ms, backoff_ms; /* when it is tried or looked at again, on the monotonic clock */
	struct fos_port_stats before; /* of the ports that it had before */
	uint64_t losses;              /* how often it went down or away */
	bool shared; /* its port is one of a set, and opened again with those of its interface: see mb_box_mend() */
	bool noted;  /* what is less than at the start was said */
	int trouble; /* an eventfd that says so when such a one is gone: see mb_link_troubled() */
	mb_say *say;
	void *say_arg;
};

/* A shared one gets its port, and gives it back. */
void mb_link_put(struct mb_link *l, struct fos_port *port);
void mb_link_take(struct mb_link *l);

/* Does what was read from `trouble` say that the interface is gone? */
static inline bool mb_link_troubled(uint64_t said, unsigned index)
{
	return said >> index * MB_TROUBLE_BITS & ((UINT64_C(1) << MB_TROUBLE_BITS) - 1);
}

/* Opens it for the first time: what is wrong then is an error. The names in *l, opener, conf, index, worker, say are set by the
 * caller. Returns 0 or a negative errno with a line in err. */
int mb_link_open(struct mb_link *l, char *err, size_t errlen);
int mb_link_close(struct mb_link *l);

static inline bool mb_link_up(const struct mb_link *l)
{
	return l->state == MB_LINK_UP;
}

/* May its port be asked for packets? */
static inline bool mb_link_ready(const struct mb_link *l)
{
	return l->state == MB_LINK_UP || (l->state == MB_LINK_DOWN && l->probe);
}

/* What to wait for, or -1. Nobody waits for a descriptor that has only bad news: it would be said again and again. */
int mb_link_fd(const struct mb_link *l);

/* The port said `error`. Down: it is asked again at times; else it is closed, and opened again at times. */
void mb_link_lost(struct mb_link *l, int error);
/* The port gave an answer: the interface is there. */
void mb_link_alive(struct mb_link *l);

/* Time has passed: what is due is tried. */
void mb_link_tick(struct mb_link *l, uint64_t now_ms);

/* Makes of what the opener said a line for a person, which is to be said once. */
void mb_link_note(const char *said, char *text, size_t len);

/* Some interface has changed: if this one is waited for, it is time to try. */
void mb_link_news(struct mb_link *l);

/* Counts of all its ports. */
void mb_link_stats(const struct mb_link *l, struct fos_port_stats *st);

#endif
