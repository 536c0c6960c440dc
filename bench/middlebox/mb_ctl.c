/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ctl.c: `flowos ctl`'s command line; pages of sessions are put together here. See mb_ctl.h.
 */
#include "mb_ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "mb_listen.h"
#include "value.h"

static const struct cli_option options[] = {
	{ "socket", "PATH", "the box's control socket (default: where flowos run puts it)", 's' },
	{ "json", NULL, "the answer as it came: JSON, a line", 0 },
	{ "flow", "NAME", "sessions of this flow only", 0 },
	{ "host", "ADDRESS", "sessions with this end", 0 },
	{ "port", "N", "sessions with this port at either end", 0 },
	{ "protocol", "tcp|udp", "sessions of this protocol", 0 },
	{ "max", "N", "sessions at most (default 100)", 0 },
	{ NULL, NULL, NULL, 0 },
};

struct ctl {
	const char *socket;
	bool json;
	json_t *request;
	uint64_t max;
};

static int set_number(struct ctl *c, const char *name, const char *value, uint64_t most, char *err, size_t errlen)
{
	uint64_t n;

	if (bench_value_count(value, most, &n) || n == 0) {
		snprintf(err, errlen, "a number from 1 to %llu", (unsigned long long)most);
		return -EINVAL;
	}
	if (strcmp(name, "max") == 0)
		c->max = n;
	else
		json_object_set_new(c->request, name, json_integer((json_int_t)n));
	return 0;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct ctl *c = arg;

	if (strcmp(name, "json") == 0)
		c->json = true;
	else if (strcmp(name, "socket") == 0)
		c->socket = value;
	else if (strcmp(name, "port") == 0)
		return set_number(c, name, value, UINT16_MAX, err, errlen);
	else if (strcmp(name, "max") == 0)
		return set_number(c, name, value, 100000000, err, errlen);
	else if (json_object_set_new(c->request, name, json_string(value))) {
		snprintf(err, errlen, "is no text");
		return -EINVAL;
	}
	return 0;
}

static struct cli_program program = {
	.name = "flowos ctl",
	.usage = "flowos ctl flows|sessions|stats|version|help [options]",
	.about = "Asks a flowos run that is going on.",
	.more = "  flowos ctl stats\n"
	        "  flowos ctl sessions --flow web --host 10.0.0.1 --max 20\n"
	        "  flowos ctl sessions --json --max 100k\n\n"
	        "Exit status: 0 done, 1 the box says no, 2 it cannot be asked.\n",
	.options = options,
	.set = set,
};

static int show(const struct ctl *c, const char *command, const json_t *result, bool head)
{
	if (c->json) {
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		mb_ctl_table(command, result, head, stdout);
	}
	if (ferror(stdout) || fflush(stdout))
		return cli_fail(&program, "standard output cannot be written");
	return CLI_DONE;
}

static int failed(const char *err, bool refused)
{
	cli_fail(&program, "%s", err);
	return refused ? CLI_FAILED : CLI_CANNOT;
}

/* The next page is asked for where this one ended, until there are as many as were wanted. */
static int pages(struct ctl *c, int fd)
{
	enum { PAGE = 1000 };
	uint64_t left = c->max ? c->max : 100;
	bool refused = false, head = true;
	char err[512];
	int rc = CLI_DONE;

	while (rc == CLI_DONE && left) {
		json_t *result, *next;

		json_object_set_new(c->request, "max", json_integer(left < PAGE ? (json_int_t)left : PAGE));
		result = mb_ctl_ask(fd, c->request, &refused, err, sizeof(err));
		if (!result)
			return failed(err, refused);
		rc = show(c, "sessions", result, head);
		head = false;
		left -= json_array_size(json_object_get(result, "sessions"));
		next = json_object_get(result, "next");
		if (!json_is_string(next))
			left = 0;
		json_object_set(c->request, "from", next);
		json_decref(result);
	}
	return rc;
}

static int ask(struct ctl *c, const char *command)
{
	char path[256], err[512];
	bool refused = false;
	json_t *result;
	int fd, rc;

	mb_listen_default(path, sizeof(path));
	fd = mb_ctl_connect(c->socket ? c->socket : path, err, sizeof(err));
	if (fd < 0)
		return cli_fail(&program, "%s", err);
	json_object_set_new(c->request, "command", json_string(command));
	if (strcmp(command, "sessions") == 0) {
		rc = pages(c, fd);
		close(fd);
		return rc;
	}
	result = mb_ctl_ask(fd, c->request, &refused, err, sizeof(err));
	close(fd);
	if (!result)
		return failed(err, refused);
	rc = show(c, command, result, true);
	json_decref(result);
	return rc;
}

int mb_ctl(int argc, char **argv)
{
	struct ctl c = { .request = json_object() };
	int first, rc;

	program.arg = &c;
	rc = cli_parse(&program, argc, argv, &first);
	if (rc < 0 && argc - first != 1)
		rc = cli_fail(&program, argc == first ? "a command is missing: flows, sessions, stats, version or help"
		                                      : "one command at a time; see --help");
	if (rc < 0)
		rc = ask(&c, argv[first]);
	json_decref(c.request);
	return rc;
}
