/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_engine.h: an engine under test: packets in, golden lines out. Either this project's engine, or a command that
 * turns a capture into golden lines on its standard output.
 *
 * One thread; blocks while a command runs. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_GOLDEN_ENGINE_H
#define BENCH_GOLDEN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "golden.h"
#include "replay.h"

struct golden_engine {
	const char *command; /* run by the shell, {} is the path of a capture; NULL: this project's engine */
	uint64_t limit_ns;   /* how long the command may take; 0: GOLDEN_ENGINE_SECONDS */
	unsigned lacks;      /* enum golden_lack: beside what the command's output says itself */
	const char *trace;   /* FLOWOS_TRACE of the command's environment; NULL: none */
};

enum { GOLDEN_ENGINE_SECONDS = 60 };

/* What golden_engine_lines() returns when the command was run and did not survive the packets. */
enum { GOLDEN_ENGINE_DIED = 1 };

/* What an engine may say that it does not do, each as a line "# WORD: no" of its output. */
enum golden_lack {
	GOLDEN_LACKS_UDP = 1u << 0,       /* udp: no UDP lines */
	GOLDEN_LACKS_EMPTY = 1u << 1,     /* empty: streams without bytes are not listed */
	GOLDEN_LACKS_IPV6 = 1u << 2,      /* ipv6 */
	GOLDEN_LACKS_MID = 1u << 3,       /* mid: connections of which not both SYNs were seen */
	GOLDEN_LACKS_USES = 1u << 4,      /* uses: a 4-tuple that is used again */
	GOLDEN_LACKS_ENDS = 1u << 5,      /* ends: end= and start= mean nothing (a line may also have none) */
	GOLDEN_LACKS_GAPS = 1u << 6,      /* gaps: bytes that are missing are left out and not reported */
	GOLDEN_LACKS_BEHIND = 1u << 7,    /* "# gaps: stop": nothing behind the first missing byte is delivered */
	GOLDEN_LACKS_ZEROS = 1u << 8,     /* "# gaps: zeros": zeros stand for missing bytes */
	GOLDEN_LACKS_FRAGMENTS = 1u << 9, /* fragments: IP fragments are not reassembled */
	GOLDEN_LACKS_CUT = 1u << 10,      /* cut: packets captured in part are not used for what they have */
	GOLDEN_LACKS_CHECKSUM =
	    1u << 11, /* checksum: packets are used whatever their checksum ("# checksum: ignore") */
};

/* Takes --engine's value, which must last: -EINVAL without a {}. */
int golden_engine_set(struct golden_engine *e, const char *command, char *err, size_t errlen);

/* Takes --engine-lacks: words as above, separated by commas, and gaps-stop, gaps-zeros. */
int golden_engine_set_lacks(struct golden_engine *e, const char *words, char *err, size_t errlen);

/* The same back as text: "udp,gaps-stop". Returns buf. */
char *golden_engine_lacks_text(unsigned lacks, char *buf, size_t len);

/* Takes --engine-timeout: a time. */
int golden_engine_set_timeout(struct golden_engine *e, const char *value, char *err, size_t errlen);

/* What its output, or the command line, says that it lacks: enum golden_lack. */
unsigned golden_engine_lacks(const struct golden_engine *e, const struct bench_golden *lines);

/* What the engine under test delivers of these packets, as golden lines; `o` and `spec` (for the hole-wait; NULL: no impairment) count
 * for this project's engine only; a command has FLOWOS_SEED from `spec` and FLOWOS_CHECKSUM
 * (verify, ignore) from `o`. -EIO: the command could not be run, or says that it failed,
 * or wrote something else than lines. GOLDEN_ENGINE_DIED: a signal ended it, or it did not end in time: a finding, where it survives
 * other packets; err has the line. The caller frees *out, which is empty where it is not 0. */
int golden_engine_lines(const struct golden_engine *e, const struct bench_engine_opts *o,
                        const struct fos_impair_spec *spec, const struct fos_frames *frames, struct bench_golden *out,
                        char *err, size_t errlen);

/* Reads lines that a command wrote, `len` bytes followed by a zero byte, which are changed. Lines that begin with # are headers where
 * they are "# key: value", else they are skipped. -EINVAL: "line N: what is wrong". */
int golden_engine_read(char *text, size_t len, struct bench_golden *out, char *err, size_t errlen);

#endif
