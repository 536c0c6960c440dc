/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_answer.h: the control protocol: a line of JSON asks, a line of JSON answers. flowos(1) describes it.
 *
 *     {"command": "sessions", "max": 100, "flow": "web"}
 *     {"ok": true, "flowos": "0.1.0", "command": "sessions", "result": {...}}
 *     {"ok": false, "flowos": "0.1.0", "error": "..."}
 *
 * One thread: the box's. Waits for workers as mb_worker_ask() does.
 */
#ifndef MB_ANSWER_H
#define MB_ANSWER_H

#include "mb_box.h"

enum {
	MB_REQUEST_MAX = 4096,    /* bytes of a line that asks */
	MB_PAGE = 100,            /* sessions of an answer, unless told */
	MB_PAGE_MAX = 1000,       /* and at most */
	MB_LOOKS = 2048,          /* places looked at between two batches */
	MB_LOOKS_MAX = 64 * 2048, /* and for one answer, so that no filter makes it take for ever */
};

/* Answers `line` (without its line end; any bytes): a new text of one line with its line end, to be freed; NULL: no memory. */
char *mb_answer(struct mb_box *b, const char *line, size_t len);

/* mb_answer_sessions.c: the result of "sessions", a new reference; NULL with a line in err. */
json_t *mb_answer_sessions(struct mb_box *b, const json_t *request, char *err, size_t errlen);

#endif
