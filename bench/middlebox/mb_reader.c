/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_reader.c: settings of a file by tables of keys, and messages that say where something is wrong. See mb_reader.h.
 */
#include "mb_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

/* "flows[0].filter": the way to a setting. */
static void path_of(const config_setting_t *s, char *buf, size_t len)
{
	const config_setting_t *parent = config_setting_parent(s);
	size_t n;

	if (!parent) {
		buf[0] = '\0';
		return;
	}
	path_of(parent, buf, len);
	n = strlen(buf);
	if (config_setting_name(s))
		snprintf(buf + n, len - n, "%s%s", n ? "." : "", config_setting_name(s));
	else
		snprintf(buf + n, len - n, "[%d]", config_setting_index(s));
}

/* "flowos.conf:12: flows[0].filter: " */
static void place_of(const struct mb_reader *r, const config_setting_t *s, char *buf, size_t len)
{
	char path[256];
	const char *file = config_setting_source_file(s);

	path_of(s, path, sizeof(path));
	snprintf(buf, len, "%s:%u: %s: ", file ? file : r->path, config_setting_source_line(s), path);
}

int mb_bad(struct mb_reader *r, const config_setting_t *s, const char *format, ...)
{
	char place[512], text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	place_of(r, s, place, sizeof(place));
	snprintf(r->err, r->errlen, "%s%s", place, text);
	return -EINVAL;
}

/* "a, b, c": the names of a table. */
static void names_of(const struct mb_key *keys, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (; keys->name && n < len; keys++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", n ? ", " : "", keys->name);
}

int mb_read_group(struct mb_reader *r, void *to, const config_setting_t *group, const struct mb_key *keys)
{
	if (!config_setting_is_group(group))
		return mb_bad(r, group, "a group is needed: { key = value; ... }");
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct mb_key *k = keys;
		char names[384];
		int rc;

		while (k->name && strcmp(k->name, config_setting_name(s)) != 0)
			k++;
		if (!k->name) {
			names_of(keys, names, sizeof(names));
			return mb_bad(r, s, "no such key; there are %s", names);
		}
		rc = k->set(r, to, s);
		if (rc)
			return rc;
	}
	return 0;
}

int mb_read_text(struct mb_reader *r, const config_setting_t *s, const char **out)
{
	const char *text = config_setting_get_string(s), *kept = NULL;
	char place[512];
	unsigned at;

	if (!text || !*text)
		return mb_bad(r, s, "a text is needed: \"...\"");
	*out = mb_conf_keep(r->conf, text);
	place_of(r, s, place, sizeof(place));
	at = r->conf->texts - 1;
	if (*out && (kept = mb_conf_keep(r->conf, place)))
		r->conf->place[at] = kept;
	return *out && kept ? 0 : mb_bad(r, s, "no memory, or too many texts");
}

int mb_read_bool(struct mb_reader *r, const config_setting_t *s, bool *out)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return mb_bad(r, s, "true or false");
	*out = config_setting_get_bool(s) != 0;
	return 0;
}

int mb_read_any(struct mb_reader *r, const config_setting_t *s, char *buf, size_t len)
{
	int type = config_setting_type(s), n = -1;

	if (type == CONFIG_TYPE_STRING)
		n = snprintf(buf, len, "%s", config_setting_get_string(s));
	else if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		n = snprintf(buf, len, "%lld", config_setting_get_int64(s));
	else
		return mb_bad(r, s, "a text or a whole number is needed");
	return n < (int)len ? 0 : mb_bad(r, s, "is too long");
}

int mb_read_count(struct mb_reader *r, const config_setting_t *s, uint64_t least, uint64_t most, uint64_t *out)
{
	char text[64];
	int rc = mb_read_any(r, s, text, sizeof(text));

	if (rc == 0 && (bench_value_count(text, most, out) || *out < least))
		rc = mb_bad(r, s, "a number from %llu to %llu, such as 1000 or \"10k\"", (unsigned long long)least,
		            (unsigned long long)most);
	return rc;
}

int mb_read_time(struct mb_reader *r, const config_setting_t *s, uint64_t *out)
{
	const char *text = config_setting_get_string(s);

	if (!text || bench_value_time(text, out))
		return mb_bad(r, s, "a time with its unit, such as \"5ms\" or \"2s\"");
	return 0;
}
