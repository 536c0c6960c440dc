/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_watch.c: see mb_watch.h.
 */
#include "mb_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "mb_clock.h"
#include "mb_notify.h"

enum { TICK_MS = 200 };

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

/* Signals come as bytes from a descriptor. */
int mb_watch_open(struct mb_watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1); /* nothing; it must not end the program */
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return -errno;
	return block(SIGHUP, SIGUSR1);
}

int mb_watch_endings(void)
{
	return block(SIGINT, SIGTERM);
}

/* The second time it is meant: the program ends as every other does, without draining. */
static void stop(struct mb_watch *w)
{
	uint64_t now = mb_monotonic_ns();
	sigset_t set;

	if (w->stopping && now - w->stopping_ns < ONE_REQUEST_NS)
		return;
	if (w->stopping) {
		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(SIGTERM);
	}
	w->stopping = true;
	w->stopping_ns = now;
	mb_notify("STOPPING=1\nSTATUS=draining");
	mb_box_stop(w->box);
}

static void on_signals(struct mb_watch *w)
{
	struct signalfd_siginfo s;

	while (read(w->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP && w->reread)
			w->reread(w->arg);
		else if (s.ssi_signo == SIGINT || s.ssi_signo == SIGTERM)
			stop(w);
	}
}

void mb_watch_run(struct mb_watch *w, uint64_t duration_ns)
{
	unsigned over = 0;

	w->end_ns = duration_ns ? mb_monotonic_ns() + duration_ns : 0;
	while (over < w->box->made) {
		struct pollfd p[5] = {
			{ .fd = w->signals, .events = POLLIN },
			{ .fd = w->box->ended, .events = POLLIN },
			{ .fd = w->box->trouble, .events = POLLIN },
			{ .fd = w->box->news, .events = POLLIN },
			{ .fd = w->server ? mb_server_fd(w->server) : -1, .events = POLLIN },
		};
		uint64_t now = mb_monotonic_ns(), n;
		int wait = w->box->broken ? 100 : w->tick ? TICK_MS : 1000;

		if (w->end_ns && !w->stopping && w->end_ns < now + (uint64_t)wait * 1000000u)
			wait = w->end_ns > now ? (int)((w->end_ns - now) / 1000000 + 1) : 0;
		poll(p, 5, wait);
		on_signals(w);
		mb_box_mend(w->box);
		if (w->server)
			mb_server_turn(w->server);
		if (read(w->box->ended, &n, sizeof(n)) == sizeof(n))
			over += (unsigned)n;
		now = mb_monotonic_ns();
		if (w->tick)
			w->tick(w->arg, now);
		if (w->end_ns && !w->stopping && now >= w->end_ns)
			stop(w);
	}
}

void mb_watch_close(struct mb_watch *w)
{
	if (w->signals >= 0)
		close(w->signals);
	w->signals = -1;
}
