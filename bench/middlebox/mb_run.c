/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_run.c: see mb_run.h. Order: open everything, give up what is not needed any more, start, watch.
 */
#include "mb_run.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "mb_listen.h"
#include "mb_notify.h"
#include "mb_reload.h"
#include "mb_sandbox.h"
#include "mb_summary.h"
#include "mb_watch.h"

struct run {
	struct mb_conf conf;
	struct mb_box box;
	struct mb_server *server;
	int argc;
	char **argv;
	struct mb_watch watch;
};

static void reread(void *run)
{
	struct run *r = run;

	mb_reload(&r->conf, &r->box, r->server, r->argc, r->argv);
}

/* Where the file says what could not be opened; the message begins with its name. */
static const char *where_of(const struct mb_conf *c, const char *message)
{
	const char *const opened[] = { c->control, c->metrics, c->interface[0], c->interface[1], c->trace };

	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++)
		if (opened[i] && strncmp(message, opened[i], strlen(opened[i])) == 0 &&
		    message[strlen(opened[i])] == ':')
			return mb_conf_where(c, opened[i]);
	return "";
}

static int open_server(struct run *r, char *err, size_t errlen)
{
	const struct mb_conf *c = &r->conf;
	char why[512] = "";
	int rc = 0;

	if (!c->control && !c->metrics)
		return 0;
	if (c->control)
		rc = mb_listen_folder(c->control);
	if (rc) {
		snprintf(err, errlen, "%s%s: its folder: %s", mb_conf_where(c, c->control), c->control, strerror(-rc));
		return rc;
	}
	rc = mb_server_make(&r->server, &r->box, c->control, c->metrics, why, sizeof(why));
	if (rc)
		snprintf(err, errlen, "%s%s", where_of(c, why), why);
	return rc;
}

/* Sanitizers need system calls at the end that nothing else does: they look at the process from another one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitized = true;
#else
static const bool sanitized;
#endif

/* From here on it may only what it must. */
static int lock_in(struct run *r, char *err, size_t errlen)
{
	const struct mb_conf *c = &r->conf;
	struct mb_sandbox s = { .live = c->interfaces > 0, .net_admin = c->keep_net_admin, .uid = (uid_t)-1 };
	char why[256];
	int rc = 0;

	if (c->user)
		rc = mb_sandbox_user(&s, c->user, why, sizeof(why));
	if (rc)
		snprintf(err, errlen, "%s%s", mb_conf_where(c, c->user), why);
	if (rc == 0 && r->server && s.uid != (uid_t)-1) {
		rc = mb_server_give(r->server, s.uid, s.gid);
		if (rc)
			snprintf(err, errlen, "%s: %s", c->control, strerror(-rc));
	}
	if (rc == 0)
		rc = mb_sandbox_files(&s, err, errlen);
	if (rc == 0)
		rc = mb_sandbox_drop(&s, err, errlen);
	if (rc == 0 && !c->no_seccomp && !sanitized)
		rc = mb_seccomp(err, errlen);
	return rc;
}

static void say_ready(struct mb_box *b)
{
	const struct mb_conf *c = b->conf;
	char text[512];

	if (!c->interfaces)
		return;
	if (c->interfaces == 2)
		snprintf(text, sizeof(text), "forwarding between %s and %s", c->interface[0], c->interface[1]);
	else
		snprintf(text, sizeof(text), "receiving on %s", c->interface[0]);
	mb_box_say(b, text);
	mb_notify("READY=1\nSTATUS=%s", text);
}

/* What is written at the end can be: with the rights that there are then. */
static int check_json(const struct mb_conf *c, char *err, size_t errlen)
{
	int rc = c->json ? cli_can_write(c->json) : 0;

	if (rc)
		snprintf(err, errlen, "%s%s: cannot write: %s", mb_conf_where(c, c->json), c->json, strerror(-rc));
	return rc;
}

/* Until all interfaces are there, or a signal ends the program. Who started it hears that it is not stuck. */
static void wait_for_interfaces(const struct mb_conf *c)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	const char *missing = NULL, *said = NULL;

	for (unsigned turn = 0;; turn++) {
		missing = NULL;
		for (unsigned i = c->interfaces; i-- > 0;)
			if (if_nametoindex(c->interface[i]) == 0)
				missing = c->interface[i];
		if (!missing)
			return;
		if (missing != said)
			fprintf(stderr, "%s: %s: is not there yet; waiting for it\n", c->program, missing);
		said = missing;
		if (turn % 10 == 0)
			mb_notify("STATUS=waiting for %s\nEXTEND_TIMEOUT_USEC=30000000", missing);
		nanosleep(&pause, NULL);
	}
}

static int make_box(struct run *r, char *err, size_t errlen)
{
	char why[1024] = "";
	int rc;

	if (r->conf.wait)
		wait_for_interfaces(&r->conf);
	rc = mb_box_make(&r->box, &r->conf, why, sizeof(why));

	if (rc && why[0])
		snprintf(err, errlen, "%s%s", where_of(&r->conf, why), why);
	return rc;
}

static int check_clash(const struct mb_conf *c, char *err, size_t errlen)
{
	const char *const written[] = { c->json, c->output, c->impair.decisions_out };
	const char *const read[] = { c->trace, c->path, c->impair.decisions_in };

	return cli_clash(written, 3, read, 3, err, errlen);
}

static int run(struct run *r)
{
	char err[1024] = "";
	int rc = mb_watch_open(&r->watch), status = CLI_CANNOT;

	if (rc == 0)
		rc = check_clash(&r->conf, err, sizeof(err));
	if (rc == 0)
		rc = make_box(r, err, sizeof(err));
	if (rc == 0)
		rc = mb_watch_endings();
	if (rc == 0)
		rc = open_server(r, err, sizeof(err));
	if (rc == 0)
		rc = lock_in(r, err, sizeof(err));
	if (rc == 0)
		rc = check_json(&r->conf, err, sizeof(err));
	if (rc == 0)
		rc = mb_box_start(&r->box, err, sizeof(err));
	if (rc)
		return mb_run_fail("%s", err[0] ? err : strerror(-rc));
	say_ready(&r->box);
	r->watch.box = &r->box;
	r->watch.server = r->server;
	r->watch.reread = reread;
	r->watch.arg = r;
	mb_watch_run(&r->watch, r->conf.duration_ns);
	mb_box_join(&r->box);
	status = mb_summary(&r->box, r->conf.json);
	return status;
}

int mb_run(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return mb_run_fail("no memory");
	r->argc = argc;
	r->argv = argv;
	r->watch.signals = r->box.ended = r->box.trouble = r->box.news = -1;
	mb_conf_init(&r->conf);
	status = mb_run_opts(&r->conf, argc, argv);
	if (status < 0)
		status = run(r);
	mb_server_free(r->server);
	mb_box_free(&r->box);
	mb_conf_free(&r->conf);
	mb_watch_close(&r->watch);
	free(r);
	return status;
}
