/* SPDX-License-Identifier: BSD-2-Clause
 *
 * module.h: what a processing module is. A module is a shared object that exports one symbol, `fos_module`, and uses
 * nothing but public headers. modules/template.c explains it step by step.
 *
 * Threads: an instance (what `open` made) belongs to one worker; its callbacks never run at the same time. With more
 * workers there are more instances, each in a thread of its own; all of a session goes to the same one. When all have
 * finished, `merge` adds them up in one, which reports. Instances that write to the same file must leave there what one
 * alone would have left.
 * Ownership: packets, spans and pointers are lent for the duration of a callback. Callbacks may not block.
 */
#ifndef FLOWOS_MODULE_H
#define FLOWOS_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/report.h>
#include <flowos/stream.h>

enum { FOS_MODULE_ABI = 2 };

enum fos_access {
	FOS_READ_ONLY,  /* shares its stage with others */
	FOS_READ_WRITE, /* has its stage to itself (not built yet: refused) */
};

/* Arguments as given behind the module's name: `:key=value`. */
struct fos_module_arg {
	const char *key, *value;
};

struct fos_module_args {
	size_t n;
	const struct fos_module_arg *arg;
};

/* The value of `key`, or `missing`. */
static inline const char *fos_module_arg(const struct fos_module_args *a, const char *key, const char *missing)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *x = a->arg[i].key, *y = key;
		while (*x && *x == *y)
			x++, y++;
		if (*x == *y)
			return a->arg[i].value;
	}
	return missing;
}

/* One packet of a run: see fos_module.packets. */
struct fos_seen {
	struct fos_session *session;
	const struct fos_pkt *pkt;
	int dir; /* side of the key that sent it */
};

struct fos_module {
	uint32_t abi;  /* FOS_MODULE_ABI */
	uint32_t size; /* sizeof(struct fos_module) when it was compiled: later members are taken as NULL */
	const char *name;
	const char *summary;         /* one line */
	const char *const *arg_help; /* "key=WHAT  what it does", a line per argument, NULL behind the last; or NULL.
	                               * A key that is not listed here is refused before `open` */
	const char *level;           /* which level it reads when the command line does not say; NULL: "app" */
	enum fos_access access;
	uint32_t stream_state; /* bytes of state per stream, zeroed, kept by the engine; 0: none */

	/* Makes an instance. Returns 0 and sets *self, or a negative errno with a line for a person in err. */
	int (*open)(const struct fos_module_args *args, void **self, char *err, size_t errlen);
	/* The run is over, every stream was closed: flush what you write. Returns 0 or a negative errno (the run then says so and
	 * exits with status 1), with a line in err. May be NULL. */
	int (*finish)(void *self, char *err, size_t errlen);
	/* Writes what it found; after `finish`. May be NULL. */
	void (*report)(void *self, struct fos_report *r);
	void (*close)(void *self);

	/* All below may be NULL. */

	/* Every packet of a session as it arrives, before ordering; duplicates too. `packets`, below, is the quicker form. */
	void (*packet)(void *self, struct fos_session *s, const struct fos_pkt *p, int dir);

	/* A direction carries its first bytes. */
	void (*stream_open)(void *self, struct fos_stream *s);
	/* There are bytes in the window that were not there at the last call: once per batch, or more often where much
	 * waited for a hole that was filled. */
	void (*stream_data)(void *self, struct fos_stream *s);
	/* `len` bytes from offset `off` on will never come. Called after stream_data for what lies before; when it
	 * returns, everything before the gap is released and the head is behind the gap. */
	void (*stream_gap)(void *self, struct fos_stream *s, uint64_t off, uint64_t len);
	/* No more will come; what was not released is still in the window. */
	void (*stream_close)(void *self, struct fos_stream *s, enum fos_end end);
	/* Bytes that came for offset `off` (negative: before the start) and were not taken, as this place had been passed on
	 * already. Bytes that lose to others which are still held are counted (fos_session_conflicts), not shown. Level
	 * `app` only. */
	void (*stream_late)(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len);
	/* A UDP datagram, whole, as it arrives (p->app, p->app_len; of a super-packet each by itself). A module that sets this
	 * gets no streams of UDP sessions; one that leaves it NULL gets them as streams, datagram behind datagram in order of
	 * arrival. */
	void (*datagram)(void *self, struct fos_session *s, const struct fos_pkt *p, int dir);

	/* Every session's end, after its streams were closed. */
	void (*session_close)(void *self, struct fos_session *s);

	/* Adds what `other`, an instance with the same arguments, has found to `self`. Both have finished; `self` is asked for
	 * the report afterwards, `other` only closed. Nothing may depend on which sessions were whose. Returns 0 or a
	 * negative errno. NULL: the module runs with one worker only. */
	int (*merge)(void *self, void *other);

	/* The same packets as `packet`, which a module that sets this is not asked for, but a run at a time: n >= 1 in the order in
	 * which they came, of any sessions of the flow. That is quicker where little is done for each. A run ends with its batch
	 * at the latest, and before whatever else the instance is told, so all its calls come in the same order as with
	 * `packet`. What a session is asked in it (fos_session_last_ns()) may already be as of the run's last packet. */
	void (*packets)(void *self, const struct fos_seen *v, size_t n);
};

/* What `size` was before the first member that was added. */
#define FOS_MODULE_SIZE_MIN offsetof(struct fos_module, merge)

/* Goes once into each module, outside functions: FOS_MODULE(.name = "x", .open = x_open, ...) */
#define FOS_MODULE(...)                                                                                                \
	__attribute__((visibility("default")))                                                                         \
	const struct fos_module fos_module = { .abi = FOS_MODULE_ABI, .size = sizeof(struct fos_module), __VA_ARGS__ }

#endif
