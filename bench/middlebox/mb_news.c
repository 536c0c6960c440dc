/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_news.c: see mb_news.h. The kernel tells of interfaces by rtnetlink(7); what it tells is not read, only that it did.
 */
#include "mb_news.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

int mb_news_open(void)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), why;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&me, sizeof(me)) == 0)
		return fd;
	why = errno;
	close(fd);
	return -why;
}

bool mb_news_read(int fd)
{
	char some[64]; /* the rest of a message is thrown away */
	bool any = false;

	while (fd >= 0 && (read(fd, some, sizeof(some)) >= 0 || errno == ENOBUFS))
		any = true;
	return any;
}
