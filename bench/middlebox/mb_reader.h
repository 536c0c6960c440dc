/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_reader.h: what mb_conf_read.c and mb_conf_flows.c share: settings of a file that is being read, by tables of keys, and
 * messages that say where something is wrong. Internal.
 */
#ifndef MB_READER_H
#define MB_READER_H

#include <libconfig.h>

#include "mb_conf.h"

/* What a flow says of what the engine has one of. */
struct mb_wish {
	int overlap; /* enum fos_overlap, -1: says nothing */
	struct mb_caps caps;
	const config_setting_t *at;
};

struct mb_reader {
	struct mb_conf *conf;
	const char *path;
	char *err;
	size_t errlen;
	bool overlap_given;
	struct mb_wish wish[MB_FLOWS_MAX];
	char pipeline_of[MB_FLOWS_MAX][64];
	const config_setting_t *pipeline_at[MB_FLOWS_MAX];
};

/* A key of a group; `set` reads it into `to`. */
struct mb_key {
	const char *name;
	int (*set)(struct mb_reader *r, void *to, const config_setting_t *s);
};

/* "FILE:LINE: flows[0].filter: text" into r->err. Returns -EINVAL. */
int mb_bad(struct mb_reader *r, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads every setting of a group by its key; a key that is not in the table is refused, with those that there are. */
int mb_read_group(struct mb_reader *r, void *to, const config_setting_t *group, const struct mb_key *keys);

/* Single values, into memory of the configuration's. */
int mb_read_text(struct mb_reader *r, const config_setting_t *s, const char **out);
int mb_read_bool(struct mb_reader *r, const config_setting_t *s, bool *out);
int mb_read_count(struct mb_reader *r, const config_setting_t *s, uint64_t least, uint64_t most, uint64_t *out);
int mb_read_time(struct mb_reader *r, const config_setting_t *s, uint64_t *out);
/* A text, or a number as one, for options that take a text. */
int mb_read_any(struct mb_reader *r, const config_setting_t *s, char *buf, size_t len);

/* mb_conf_flows.c */
int mb_read_flows(struct mb_reader *r, void *to, const config_setting_t *s);
int mb_read_pipelines(struct mb_reader *r, void *to, const config_setting_t *s);
int mb_read_caps(struct mb_reader *r, void *to, const config_setting_t *s);
/* Once all is read: flows find their pipelines, and agree on what the engine has one of. */
int mb_flows_done(struct mb_reader *r);

#endif
