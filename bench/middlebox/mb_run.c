/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_run.c: see mb_run.h. The main thread waits for signals, for those who ask, and for workers that end; packets are
 * the workers'. Order: open everything, give up what is not needed any more, start.
 */
#include "mb_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "mb_clock.h"
#include "mb_listen.h"
#include "mb_notify.h"
#include "mb_reload.h"
#include "mb_sandbox.h"
#include "mb_summary.h"

struct run {
	struct mb_conf conf;
	struct mb_box box;
	struct mb_server *server;
	int argc;
	char **argv;
	int signals;
	bool stopping;
	uint64_t stopping_ns; /* since when, on the monotonic clock */
	uint64_t end_ns;      /* the same; 0: none */
};

/* One request to end may come as two signals: timeout(1) sends its own to the program and to the group that it is in. */
enum { ONE_REQUEST_NS = 500 * 1000 * 1000 };

static int block(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? -errno : 0;
}

/* Signals come as bytes from a descriptor, in no thread's way: those that do not end the program from the beginning. */
static int take_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1); /* nothing; it must not end the program */
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0)
		return -errno;
	return block(SIGHUP, SIGUSR1);
}

/* Those that end it, once there is something to drain. Until then they end it as they end every other program: a trace may be a
 * pipe into which nobody writes. */
static int take_endings(void)
{
	return block(SIGINT, SIGTERM);
}

/* The second time it is meant: the program ends as every other does, without draining. */
static void stop(struct run *r)
{
	uint64_t now = mb_monotonic_ns();
	sigset_t set;

	if (r->stopping && now - r->stopping_ns < ONE_REQUEST_NS)
		return;
	if (r->stopping) {
		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(SIGTERM);
	}
	r->stopping = true;
	r->stopping_ns = now;
	mb_notify("STOPPING=1\nSTATUS=draining");
	mb_box_stop(&r->box);
}

static void on_signals(struct run *r)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP)
			mb_reload(&r->conf, &r->box, r->server, r->argc, r->argv);
		else if (s.ssi_signo != SIGUSR1)
			stop(r);
	}
}

/* Until all workers have ended. */
static void watch(struct run *r)
{
	unsigned over = 0;

	while (over < r->box.made) {
		struct pollfd p[4] = {
			{ .fd = r->signals, .events = POLLIN },
			{ .fd = r->box.ended, .events = POLLIN },
			{ .fd = r->box.trouble, .events = POLLIN },
			{ .fd = r->server ? mb_server_fd(r->server) : -1, .events = POLLIN },
		};
		uint64_t now = mb_monotonic_ns(), n;
		int wait = r->box.broken ? 100 : 1000;

		if (r->end_ns && !r->stopping && r->end_ns < now + (uint64_t)wait * 1000000u)
			wait = r->end_ns > now ? (int)((r->end_ns - now) / 1000000 + 1) : 0;
		poll(p, 4, wait);
		on_signals(r);
		mb_box_mend(&r->box);
		if (r->server)
			mb_server_turn(r->server);
		if (read(r->box.ended, &n, sizeof(n)) == sizeof(n))
			over += (unsigned)n;
		if (r->end_ns && !r->stopping && mb_monotonic_ns() >= r->end_ns)
			stop(r);
	}
}

static int open_server(struct run *r, char *err, size_t errlen)
{
	const struct mb_conf *c = &r->conf;
	int rc = 0;

	if (!c->control && !c->metrics)
		return 0;
	if (c->control)
		rc = mb_listen_folder(c->control);
	if (rc) {
		snprintf(err, errlen, "%s: its folder: %s", c->control, strerror(-rc));
		return rc;
	}
	return mb_server_make(&r->server, &r->box, c->control, c->metrics, err, errlen);
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
	int rc = 0;

	if (c->user)
		rc = mb_sandbox_user(&s, c->user, err, errlen);
	if (rc == 0 && r->server && s.uid != (uid_t)-1) {
		rc = mb_server_give(r->server, s.uid, s.gid);
		if (rc)
			snprintf(err, errlen, "%s: %s", c->control, strerror(-rc));
	}
	if (rc == 0)
		rc = mb_sandbox_drop(&s, err, errlen);
	if (rc == 0 && !c->no_seccomp && !sanitized)
		rc = mb_seccomp(err, errlen);
	return rc;
}

/* What is written at the end can be: with the rights that there are then. */
static int check_json(const struct mb_conf *c, char *err, size_t errlen)
{
	int rc = c->json ? cli_can_write(c->json) : 0;

	if (rc)
		snprintf(err, errlen, "%s: cannot write: %s", c->json, strerror(-rc));
	return rc;
}

static void say_ready(const struct mb_conf *c)
{
	char text[512];

	if (!c->interfaces)
		return;
	if (c->interfaces == 2)
		snprintf(text, sizeof(text), "forwarding between %s and %s", c->interface[0], c->interface[1]);
	else
		snprintf(text, sizeof(text), "receiving on %s", c->interface[0]);
	mb_box_say(NULL, text);
	mb_notify("READY=1\nSTATUS=%s", text);
}

static int run(struct run *r)
{
	char err[1024] = "";
	int rc = take_signals(r), status = CLI_CANNOT;

	if (rc == 0)
		rc = mb_box_make(&r->box, &r->conf, err, sizeof(err));
	if (rc == 0)
		rc = take_endings();
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
	if (r->conf.duration_ns)
		r->end_ns = mb_monotonic_ns() + r->conf.duration_ns;
	say_ready(&r->conf);
	watch(r);
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
	r->signals = r->box.ended = r->box.trouble = -1;
	mb_conf_init(&r->conf);
	status = mb_run_opts(&r->conf, argc, argv);
	if (status < 0)
		status = run(r);
	mb_server_free(r->server);
	mb_box_free(&r->box);
	mb_conf_free(&r->conf);
	if (r->signals >= 0)
		close(r->signals);
	free(r);
	return status;
}
