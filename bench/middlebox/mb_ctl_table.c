/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ctl_table.c: answers as tables. What comes from a box is shown with control characters replaced. See mb_ctl.h.
 */
#include <string.h>

#include "mb_ctl.h"

/* A text that may be anything, so that a terminal takes nothing of it for a command. */
static const char *plain(const json_t *o, const char *key, char *buf, size_t len)
{
	const char *text = json_string_value(json_object_get(o, key));

	snprintf(buf, len, "%s", text && *text ? text : "-");
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return buf;
}

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void flows(const json_t *result, bool head, FILE *out)
{
	const json_t *list = json_object_get(result, "flows");
	char name[64], filter[256], pipeline[64], interface[64];
	size_t i;
	json_t *f;

	if (head)
		fprintf(out, "%-16s %10s %10s %-10s %-12s %s\n", "flow", "sessions", "half-open", "interface",
		        "pipeline", "filter");
	json_array_foreach(list, i, f)
	    fprintf(out, "%-16s %10lld %10lld %-10s %-12s %s\n", plain(f, "name", name, sizeof(name)),
	            number(f, "sessions"), number(f, "half_open"), plain(f, "interface", interface, sizeof(interface)),
	            plain(f, "pipeline", pipeline, sizeof(pipeline)), plain(f, "filter", filter, sizeof(filter)));
	if (json_is_false(json_object_get(result, "complete")))
		fprintf(out, "(there are more sessions than were counted)\n");
}

static void sessions(const json_t *result, bool head, FILE *out)
{
	char from[64], to[64], flow[64], state[32], proto[8];
	const json_t *list = json_object_get(result, "sessions");
	size_t i;
	json_t *s;

	if (head)
		fprintf(out, "%-5s %-28s %-28s %-10s %-9s %12s %12s %9s %8s %8s\n", "proto", "from", "to", "flow",
		        "state", "bytes", "bytes back", "held", "waiting", "seconds");
	json_array_foreach(list, i, s)
	{
		const json_t *f = json_object_get(s, "forward"), *b = json_object_get(s, "back");
		double lasted =
		    json_number_value(json_object_get(s, "last")) - json_number_value(json_object_get(s, "first"));

		fprintf(out, "%-5s %-28s %-28s %-10s %-9s %12lld %12lld %9lld %8lld %8.1f\n",
		        plain(s, "protocol", proto, sizeof(proto)), plain(s, "from", from, sizeof(from)),
		        plain(s, "to", to, sizeof(to)), plain(s, "flow", flow, sizeof(flow)),
		        plain(s, "state", state, sizeof(state)), number(f, "bytes"), number(b, "bytes"),
		        number(f, "held") + number(b, "held"), number(f, "waiting") + number(b, "waiting"), lasted);
	}
}

static void numbers(const json_t *o, const char *title, FILE *out)
{
	const char *key;
	json_t *value;

	fprintf(out, "%s\n", title);
	json_object_foreach((json_t *)o, key, value)
	{
		if (json_is_integer(value))
			fprintf(out, "  %-22s %15lld\n", key, (long long)json_integer_value(value));
		else if (json_is_real(value))
			fprintf(out, "  %-22s %15.3f\n", key, json_real_value(value));
	}
}

static void stats(const json_t *result, FILE *out)
{
	const json_t *list = json_object_get(result, "ports");
	char name[256], state[32], kind[32], how[80], title[440];
	size_t i;
	json_t *p;

	numbers(result, "box", out);
	json_array_foreach(list, i, p)
	{
		plain(p, "how", how, sizeof(how));
		snprintf(title, sizeof(title), "port %s: %s, %s%s%s", plain(p, "name", name, sizeof(name)),
		         plain(p, "state", state, sizeof(state)), plain(p, "kind", kind, sizeof(kind)),
		         *how ? ": " : "", how);
		numbers(p, title, out);
	}
	numbers(json_object_get(result, "engine"), "engine", out);
	if (json_integer_value(json_object_get(json_object_get(result, "impaired"), "packets")))
		numbers(json_object_get(result, "impaired"), "impaired", out);
}

void mb_ctl_table(const char *command, const json_t *result, bool head, FILE *out)
{
	const char *key;
	json_t *value;
	char text[256];

	if (strcmp(command, "flows") == 0) {
		flows(result, head, out);
	} else if (strcmp(command, "sessions") == 0) {
		sessions(result, head, out);
	} else if (strcmp(command, "stats") == 0) {
		stats(result, out);
	} else {
		json_object_foreach((json_t *)result, key, value)
		    fprintf(out, "%-10s %s\n", key, plain(result, key, text, sizeof(text)));
	}
}
