/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_news.h: a descriptor that is readable when an interface came, went, or changed: what is waited for is then looked for at once, and not
 * only after a pause.
 *
 * One thread each. Nothing blocks.
 */
#ifndef MB_NEWS_H
#define MB_NEWS_H

#include <stdbool.h>

/* The descriptor, to be closed; or a negative errno: then pauses are all there is. */
int mb_news_open(void);

/* Were there any since the last time? They are not any more. */
bool mb_news_read(int fd);

#endif
