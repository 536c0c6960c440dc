/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_watch.h: what the main thread does while workers move packets: waits for signals, for those who ask, for interfaces
 * that are to be opened again, for workers that end, and for the end of the time.
 *
 * One thread: the main one. SIGINT and SIGTERM have the workers drain and end; the second time, half a second later or
 * more, the program ends at once.
 */
#ifndef MB_WATCH_H
#define MB_WATCH_H

#include "mb_server.h"

struct mb_watch {
	struct mb_box *box;
	struct mb_server *server;  /* or NULL */
	void (*reread)(void *arg); /* SIGHUP; NULL: it counts for nothing */
	void (*tick)(void *arg,
	             uint64_t now); /* five times a second, on the monotonic clock; NULL: nobody wants to know */
	void *arg;
	int signals; /* a descriptor; -1: none */
	bool stopping;
	uint64_t stopping_ns; /* since when, on the monotonic clock */
	uint64_t end_ns;      /* the same; 0: none */
};

/* Takes the signals that do not end the program out of all threads' way: first of all. 0 or a negative errno. */
int mb_watch_open(struct mb_watch *w);

/* And those that do, once there is something to drain, and before any thread is started. Until then they end the program as
 * they end every other: a trace may be a pipe into which nobody writes. 0 or a negative errno. */
int mb_watch_endings(void);

/* Until all workers have ended; after `duration_ns`, where that is not 0, they are told to. */
void mb_watch_run(struct mb_watch *w, uint64_t duration_ns);

void mb_watch_close(struct mb_watch *w);

#endif
