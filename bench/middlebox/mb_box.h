/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_box.h: the middlebox: its workers, and what is asked of them all. mb_run.c drives one, mb_server.c answers for it.
 *
 * One thread, but for mb_box_say(), which any may call.
 */
#ifndef MB_BOX_H
#define MB_BOX_H

#include <jansson.h>

#include <flowos/afpacket_set.h>

#include "mb_stats.h"

struct mb_box {
	const struct mb_conf *conf;
	struct mb_worker *worker; /* conf->workers of them */
	unsigned made;
	int ended;                    /* an eventfd: a worker's thread is over */
	int trouble;                  /* an eventfd: ports of the set said that their interfaces are gone */
	struct fos_shard shard;       /* how sessions are dealt to workers */
	struct mb_hand *hand;         /* between several workers */
	struct fos_afpacket_set *set; /* the ports of several workers; NULL: one worker has its own */
	bool dealer_said;             /* that the kernel does not deal as is wanted */
	int news;                     /* of interfaces, for several workers; negative: none */
	bool broken;                  /* some interface of the set is to be opened again: */
	struct mb_mend {
		bool broken, given;         /* given: workers have given their ports back */
		bool noted;                 /* what is less than at the start was said */
		uint64_t at_ns, backoff_ns; /* when, on the monotonic clock */
	} mend[MB_INTERFACES_MAX];
	uint64_t start_ns;
};

/* Opens everything. Returns 0 or a negative errno with a line in err; free it either way. */
int mb_box_make(struct mb_box *b, const struct mb_conf *c, char *err, size_t errlen);
int mb_box_start(struct mb_box *b, char *err, size_t errlen);
void mb_box_stop(struct mb_box *b); /* all workers drain and end */
void mb_box_join(struct mb_box *b);
void mb_box_free(struct mb_box *b);

/* mb_mend.c. The ports of several workers are opened together, and handed out; see afpacket_set.h. */
int mb_box_ports(struct mb_box *b, char *err, size_t errlen);
/* To be called when `trouble` or `news` is readable, and every 100 ms while `broken`: workers give back their ports of an interface that is gone
 * between two batches, these are opened again, workers get the new ones. Where that fails (it is not there) it is tried
 * again with growing pauses, or when there is news. What comes at other interfaces is received all the while. */
void mb_box_mend(struct mb_box *b);
/* mb_open.c */
int mb_open_set(const struct mb_conf *c, const struct fos_shard *shard, struct fos_afpacket_set **set, char *err,
                size_t errlen);

void mb_box_stats(struct mb_box *b, struct mb_stats *st);
/* What modules found, added up; once all workers have ended. A new reference; NULL: no memory. */
json_t *mb_box_modules(const struct mb_box *b);
/* The first thing that went wrong in a worker: its errno with the line, or 0. */
int mb_box_status(const struct mb_box *b, const char **text);

/* "flowos run: text" on standard error, or whatever the program is called; NULL: flowos run. */
void mb_box_say(void *box, const char *text);

#endif
