/* SPDX-License-Identifier: BSD-2-Clause
 *
 * engine_run.h: small traces for tests of the engine, from structs or from a line of text, fed to a worker in batches
 * of any size; and a module that writes down what every stream said. Public headers only.
 *
 * A script is packets with ';' between them. "> S 1000" goes from the client (side 0 of the key), "< SA 5000 1001" from
 * the server: flags of "SAFRPU." ('.': none), sequence number, with an A the acknowledgement, then payload: a word, or
 * #N for N letters that follow from their sequence numbers; with ~N behind it N more bytes that were not captured.
 * "*20 > A 1 2" is twenty of them, "t 61" lets 61 s pass, "t 0.5" half of one; a packet takes 1 ms.
 *
 * What is written down: "1> bytes[gap]bytes fin; 1< rst": session, direction, '~' where it started in the middle, the
 * bytes with gaps by length, how it ended. Sessions in order of creation, directions where any packet was seen.
 */
#ifndef FLOWOS_TEST_ENGINE_RUN_H
#define FLOWOS_TEST_ENGINE_RUN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <flowos/rand.h>
#include <flowos/worker.h>

enum { ER_SECOND = 1000000000, ER_PAYLOAD_MAX = 60000 };

/* How frames are handed to the worker. */
enum er_mode {
	ER_STABLE = 0,
	ER_UNSTABLE = 1, /* a copy that is gone after the batch */
	ER_PIECES = 2,   /* headers and payload in two places */
	ER_MODES = 4,
};

struct er_spec {
	int dir;           /* 0: from the client */
	bool v6, udp, bad; /* bad: a wrong transport checksum */
	uint16_t vlan;     /* 0: no tag */
	uint8_t host;      /* last byte of the client's address, 0: 1 */
	uint16_t port;     /* the server's, 0: 80 */
	uint8_t flags;
	uint32_t seq, ack;
	const void *data;
	uint32_t len, more; /* captured, and announced beyond that */
};

struct er_frame {
	struct fos_frame f;
	uint8_t *mem;
	uint32_t headers; /* where the payload begins */
};

struct er_trace {
	struct er_frame *frame;
	size_t n, size;
	uint64_t ts_ns; /* of the last packet; 0: nothing was added */
};

/* Chance: a state that each draw moves on. The seed is printed, FLOWOS_SEED repeats one. */
uint64_t er_seed(void);
static inline uint64_t er_draw(uint64_t *rnd, uint64_t below)
{
	return fos_below(fos_mix64((*rnd)++), below);
}

void er_add(struct er_trace *t, const struct er_spec *s);
void er_add_raw(struct er_trace *t, const void *bytes, uint32_t len); /* an Ethernet frame as it is */
void er_script(struct er_trace *t, const char *script);
void er_trace_free(struct er_trace *t);

/* Runs frames [from, to) in batches of `batch`. */
void er_feed_part(struct fos_worker *w, const struct er_trace *t, size_t from, size_t to, unsigned batch,
                  unsigned mode);
void er_feed(struct fos_worker *w, const struct er_trace *t, unsigned batch, unsigned mode);

/* A worker with one flow for everything and these levels. */
struct fos_worker *er_worker(const struct fos_worker_config *cfg, const char *levels);
/* Adds a module, which must go well. */
void er_module(struct fos_worker *w, unsigned stage, const struct fos_module *m, const char *level);

/* The module that writes down, and what the last one of them wrote (to be freed). Ends nothing by itself. */
extern const struct fos_module er_recorder;
char *er_recorded(void);

/* All at once: worker, recorder, trace, end; checks that no memory is left held. */
char *er_play(const struct er_trace *t, const struct fos_worker_config *cfg, unsigned batch, unsigned mode,
              struct fos_worker_stats *st);

/* Plays the script and asserts what is written down; *st may be NULL. */
void er_expect(const char *script, const struct fos_worker_config *cfg, const char *want, struct fos_worker_stats *st);

#endif
