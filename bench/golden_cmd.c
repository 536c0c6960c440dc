/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd.c: what the command lines of flowos-golden share. See golden_cmd.h.
 */
#include "golden_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "value.h"

static int aside = -1; /* standard output, while standard error has its number */

void golden_cmd_aside(const char *junit)
{
	if (!junit || strcmp(junit, "-") != 0)
		return;
	fflush(stdout);
	aside = dup(STDOUT_FILENO);
	if (aside >= 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
}

int golden_cmd_write_junit(const struct golden_junit *j, const char *suite, const char *junit)
{
	if (aside >= 0) {
		fflush(stdout);
		dup2(aside, STDOUT_FILENO);
		close(aside);
		aside = -1;
	}
	return golden_junit_write(j, suite, junit);
}

static int set_seeds(struct golden_cmd *c, const char *value, char *err, size_t errlen)
{
	char first[32];
	const char *dash = strchr(value, '-');
	int rc = 0;

	c->first_seed = 1;
	if (dash) {
		snprintf(first, sizeof(first), "%.*s", (int)(dash - value), value);
		rc = bench_value_count(first, UINT64_MAX, &c->first_seed);
	}
	if (rc == 0)
		rc = bench_value_count(dash ? dash + 1 : value, UINT64_MAX, &c->last_seed);
	if (rc == 0 && (c->last_seed < c->first_seed || (!dash && c->last_seed == 0)))
		rc = -ERANGE;
	if (rc == 0 && c->last_seed - c->first_seed >= 1000000)
		rc = -ERANGE;
	if (rc)
		snprintf(err, errlen, "seeds are FROM-TO, such as 1-100, at most a million of them");
	c->seeds = true;
	return rc ? -EINVAL : 0;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct golden_cmd *c = arg;

	if (strcmp(name, "output") == 0) {
		c->output = value;
	} else if (strcmp(name, "partial") == 0) {
		c->partial = true;
	} else if (strcmp(name, "force") == 0) {
		c->given.force = true;
	} else if (strcmp(name, "suite") == 0) {
		c->suite = value;
	} else if (strcmp(name, "junit") == 0) {
		c->junit = value;
	} else if (strcmp(name, "seeds") == 0) {
		return set_seeds(c, value, err, errlen);
	} else if (strcmp(name, "engine") == 0) {
		return golden_engine_set(&c->engine, value, err, errlen);
	} else if (strcmp(name, "reference") == 0) {
		c->model = strcmp(value, "model") == 0;
		if (!c->model && strcmp(value, "engine") != 0) {
			snprintf(err, errlen, "engine (this project's) or model, not \"%.40s\"", value);
			return -EINVAL;
		}
	} else if (strcmp(name, "engine-timeout") == 0) {
		return golden_engine_set_timeout(&c->engine, value, err, errlen);
	} else if (strcmp(name, "engine-lacks") == 0) {
		return golden_engine_set_lacks(&c->engine, value, err, errlen);
	} else if (c->set_own) {
		return c->set_own(c, name, value, err, errlen);
	}
	return 0;
}

int golden_cmd_start(struct golden_cmd *c, int argc, char **argv, int *first)
{
	int rc;

	fos_impair_spec_init(&c->spec);
	c->given.opts.overlap = FOS_OVERLAPS;
	c->program.set = set;
	c->program.arg = c;
	c->program.impair = &c->spec;
	c->program.engine = &c->given.opts;
	rc = cli_parse(&c->program, argc, argv, first);
	if (rc >= 0)
		return rc;
	if (c->given.opts.stages)
		return cli_fail(&c->program, "--stage: a golden file is of what the engine delivers; it has no stages");
	if (c->given.opts.level && strcmp(c->given.opts.level, "app") != 0)
		return cli_fail(&c->program, "--level %s: golden files are of level app only", c->given.opts.level);
	return -1;
}
