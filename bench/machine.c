/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine.c: reads what Linux says about the machine. Of uname only the kernel's release and the architecture
 * are taken.
 */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static FILE *open_below(const char *root, const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return fopen(full, "re");
}

/* "key<blanks>: value" or "key=value": the value without quotes and line feed; NULL: another key. */
static char *value_of(char *line, const char *key)
{
	size_t len = strlen(key);
	char *end;

	if (strncmp(line, key, len) != 0)
		return NULL;
	line += len;
	line += strspn(line, " \t");
	if (*line != ':' && *line != '=')
		return NULL;
	line++;
	line += strspn(line, " \t\"");
	end = line + strlen(line);
	while (end > line && strchr(" \t\"\n", end[-1]))
		*--end = '\0';
	return line;
}

struct cpu {
	char name[128], family[16], model[16], stepping[16], implementer[16], part[16];
	unsigned processors;
	bool virtual;
};

static void keep(char *to, size_t len, char *line, const char *key)
{
	const char *value = value_of(line, key);

	if (value && !*to)
		snprintf(to, len, "%s", value);
}

static void read_cpu(FILE *f, struct cpu *c)
{
	char *line = NULL, *flags;
	size_t len = 0;

	while (getline(&line, &len, f) > 0) {
		c->processors += value_of(line, "processor") != NULL;
		keep(c->name, sizeof(c->name), line, "model name");
		keep(c->family, sizeof(c->family), line, "cpu family");
		keep(c->model, sizeof(c->model), line, "model");
		keep(c->stepping, sizeof(c->stepping), line, "stepping");
		keep(c->implementer, sizeof(c->implementer), line, "CPU implementer");
		keep(c->part, sizeof(c->part), line, "CPU part");
		flags = value_of(line, "flags");
		if (flags && strstr(flags, " hypervisor"))
			c->virtual = true;
	}
	free(line);
}

/* Names alone are too coarse ("AMD EPYC"): family, model and stepping tell generations apart. */
static int machine_cpu(struct bench_machine *m, const char *root)
{
	FILE *f = open_below(root, "/proc/cpuinfo");
	struct cpu c = { 0 };
	char text[256];
	int rc = 0;

	if (!f)
		return 0;
	read_cpu(f, &c);
	fclose(f);
	m->cores = c.processors;
	if (*c.name && *c.family)
		snprintf(text, sizeof(text), "%s (family %s, model %s, stepping %s)", c.name, c.family, c.model,
		         c.stepping);
	else if (*c.name)
		snprintf(text, sizeof(text), "%s", c.name);
	else if (*c.part)
		snprintf(text, sizeof(text), "implementer %s, part %s", c.implementer, c.part);
	else
		return 0;
	rc = bench_text_set(&m->cpu, text);
	if (rc == 0 && c.virtual)
		rc = bench_text_set(&m->hypervisor, "yes");
	return rc;
}

static void machine_memory(struct bench_machine *m, const char *root)
{
	FILE *f = open_below(root, "/proc/meminfo");
	char line[256], *value;

	while (f && fgets(line, sizeof(line), f)) {
		value = value_of(line, "MemTotal");
		if (value)
			m->memory_bytes = strtoull(value, NULL, 10) * 1024;
	}
	if (f)
		fclose(f);
}

static int text_from(char **member, const char *root, const char *path, const char *key)
{
	FILE *f = open_below(root, path);
	char line[512], *value;
	int rc = 0;

	while (f && rc == 0 && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		value = key ? value_of(line, key) : line;
		if (value && !*member)
			rc = bench_text_set(member, value);
	}
	if (f)
		fclose(f);
	return rc;
}

static int machine_build(struct bench_machine *m)
{
	int rc = 0;

#ifdef BENCH_COMPILER
	rc = bench_text_set(&m->compiler, BENCH_COMPILER);
#else
	rc = bench_text_set(&m->compiler, __VERSION__);
#endif
#ifdef BENCH_CFLAGS
	if (rc == 0)
		rc = bench_text_set(&m->flags, BENCH_CFLAGS);
#endif
#ifdef FLOWOS_COMMIT
	if (rc == 0 && *FLOWOS_COMMIT)
		rc = bench_text_set(&m->commit, FLOWOS_COMMIT);
#endif
#ifdef FLOWOS_SOURCE_DIR
	if (rc == 0 && !m->commit)
		rc = bench_machine_commit(FLOWOS_SOURCE_DIR, &m->commit);
#endif
	return rc;
}

int bench_machine_read(struct bench_machine *m, const char *root)
{
	struct utsname u;
	int rc;

	bench_machine_clear(m);
	rc = machine_cpu(m, root);
	machine_memory(m, root);
	if (rc == 0)
		rc = text_from(&m->distro, root, "/etc/os-release", "PRETTY_NAME");
	if (rc == 0)
		rc = text_from(&m->governor, root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL);
	if (rc == 0 && uname(&u) == 0) {
		rc = bench_text_set(&m->kernel, u.release);
		if (rc == 0)
			rc = bench_text_set(&m->arch, u.machine);
	}
	if (rc == 0)
		rc = machine_build(m);
	if (rc)
		bench_machine_clear(m);
	return rc;
}
