/* SPDX-License-Identifier: BSD-2-Clause
 *
 * impair_spec.h: what is to be done to packets, as options say it: "--reorder 5%,depth=32 --loss 1% --seed 7".
 *
 * Nothing here is drawn yet; impair.h does that. Shares and times are whole numbers, so that the same options mean the
 * same bits on every machine: a share counts in millionths of a millionth (FOS_SHARE_ONE is 100 %), times in ns.
 *
 * Threads: a spec belongs to one thread while it is changed. Ownership: a spec owns its strings; copy it with
 * fos_impair_spec_copy(), free it with fos_impair_spec_free(). Ports that were opened with it do not need it any more.
 */
#ifndef FLOWOS_IMPAIR_SPEC_H
#define FLOWOS_IMPAIR_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/decisions.h>

#define FOS_SHARE_ONE UINT64_C(1000000000000)

enum fos_impair_limit {
	FOS_IMPAIR_DEPTH = 32, /* default of reorder's `depth` */
	FOS_IMPAIR_DEPTH_MAX = 1000000,
	FOS_IMPAIR_BURST_MAX = 1000000,
	FOS_IMPAIR_HOLD_MS = 100,     /* of trace time: a packet that waits for others leaves at last */
	FOS_IMPAIR_TIME_MAX_S = 3600, /* longest time that an option takes */
};

enum fos_loss_model {
	FOS_LOSS_INDEPENDENT, /* each packet with chance `share` */
	FOS_LOSS_BURST,       /* Gilbert: runs of mean length `burst`, `share` in all */
	FOS_LOSS_GEMODEL,     /* Gilbert-Elliott, as tc-netem's `loss gemodel p r 1-h 1-k` */
};

struct fos_impair_spec {
	uint64_t seed;
	struct {
		uint64_t share;
		uint32_t depth;    /* k is drawn from 1 to depth */
		uint64_t delay_ns; /* not 0: held for this time instead */
		bool link;         /* scope: later packets of the link, not of the direction */
	} reorder;
	struct {
		enum fos_loss_model model;
		uint64_t share; /* gemodel: what its parameters come to */
		uint32_t burst;
		uint64_t p, r;          /* chances to go from good to bad and back, per packet */
		uint64_t bad, good;     /* chances of loss in either state: 1-h and 1-k */
		uint64_t retransmit_ns; /* not 0: the lost packet comes again after this time */
	} loss;
	struct {
		uint64_t share;
		uint32_t depth; /* k is drawn from 0 to depth; 0: the copy comes directly after */
	} dup;
	struct {
		uint64_t share;
		bool fix; /* flip a payload bit and repair the checksum */
	} corrupt;
	struct {
		uint64_t share;
	} truncate;
	struct {
		uint64_t delay_ns, jitter_ns; /* released after delay + u * jitter, u drawn from [0, 1) */
	} delay;
	char *only;         /* pcap filter, or NULL */
	char *decisions_in; /* paths as given, or NULL */
	char *decisions_out;
	struct fos_decisions *replay; /* what `decisions_in` held: replayed instead of drawn */
	bool keep_decisions;          /* not an option: set it where fos_impair_note() or fos_impair_decisions() will be
	                               * asked (48 bytes per impaired packet); decisions-out implies it */
};

/* The options, for usage texts and for loops over command lines; `name` NULL ends the list. */
struct fos_impair_option {
	const char *name; /* without "--" */
	const char *meta; /* "P%[,depth=N][,delay=T][,scope=session|link]" */
	const char *help;
};
extern const struct fos_impair_option fos_impair_options[];

/* Nothing is impaired, the seed is 1. */
void fos_impair_spec_init(struct fos_impair_spec *spec);
void fos_impair_spec_free(struct fos_impair_spec *spec); /* also resets to what init makes */
int fos_impair_spec_copy(struct fos_impair_spec *to,
                         const struct fos_impair_spec *from); /* `to` need not be initialised; -ENOMEM */

/* Sets option `name` (a name of fos_impair_options) from its text; a later one replaces an earlier one. "decisions-in"
 * reads its file (blocks). Returns 0; -ENOENT: no such option; -EINVAL or -ENOMEM, with one line for a person in err
 * ("--reorder 5: a share needs %, such as 5%"); the spec is then as it was. */
int fos_impair_spec_set(struct fos_impair_spec *spec, const char *name, const char *text, char *err, size_t errlen);

/* Replays this list (sorted; takes a reference of its own; NULL: none) instead of drawing. */
void fos_impair_spec_replay(struct fos_impair_spec *spec, struct fos_decisions *list);

/* The options in canonical form, quoted for a shell: one spec, one line: "--loss 1% --reorder
 * 5%,depth=32,scope=session --seed 1". decisions-out is left out: it changes nothing. With one `name`: that option's
 * value alone, unquoted, "" where it is not set. Returns the length as snprintf does. */
int fos_impair_spec_text(const struct fos_impair_spec *spec, char *buf, size_t len);
int fos_impair_spec_value(const struct fos_impair_spec *spec, const char *name, char *buf, size_t len);

/* Would any packet be touched? (A share of 0% touches none.) */
bool fos_impair_spec_active(const struct fos_impair_spec *spec);

/* Does every packet's every byte still arrive once or more: nothing but reorder, dup and delay? (Loss with
 * `retransmit` counts as loss.) */
bool fos_impair_spec_lossless(const struct fos_impair_spec *spec);

/* How far a packet may come behind its place, for who waits for holes: wait at least that long. In packets of its
 * direction that may arrive between a later packet and it (0: none is displaced by number): at most N-1 later ones, as
 * many that were held back before it, and all their copies. And in ns (0: none is displaced by time). */
uint64_t fos_impair_spec_depth(const struct fos_impair_spec *spec);
uint64_t fos_impair_spec_delay(const struct fos_impair_spec *spec);

#endif
