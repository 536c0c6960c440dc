/* SPDX-License-Identifier: BSD-2-Clause
 *
 * report.h: how a module or the engine says what it found, without knowing where it goes (a JSON object, a table).
 *
 * A report is a nested list of keys and values. Within one object keys are unique. The writer belongs to one thread.
 */
#ifndef FLOWOS_REPORT_H
#define FLOWOS_REPORT_H

#include <stdint.h>

struct fos_report;

struct fos_report_ops {
	void (*u64)(struct fos_report *r, const char *key, uint64_t value);
	void (*f64)(struct fos_report *r, const char *key, double value);
	void (*str)(struct fos_report *r, const char *key, const char *value);
	void (*begin)(struct fos_report *r, const char *key); /* an object; in an array: key NULL */
	void (*begin_array)(struct fos_report *r, const char *key);
	void (*end)(struct fos_report *r);
};

/* The head of every report writer. */
struct fos_report {
	const struct fos_report_ops *ops;
};

static inline void fos_report_u64(struct fos_report *r, const char *key, uint64_t value)
{
	r->ops->u64(r, key, value);
}

static inline void fos_report_f64(struct fos_report *r, const char *key, double value)
{
	r->ops->f64(r, key, value);
}

static inline void fos_report_str(struct fos_report *r, const char *key, const char *value)
{
	r->ops->str(r, key, value);
}

static inline void fos_report_begin(struct fos_report *r, const char *key)
{
	r->ops->begin(r, key);
}

static inline void fos_report_begin_array(struct fos_report *r, const char *key)
{
	r->ops->begin_array(r, key);
}

static inline void fos_report_end(struct fos_report *r)
{
	r->ops->end(r);
}

#endif
