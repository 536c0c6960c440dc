/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nic.c: see nic.h.
 */
#include "nic.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>

static struct ifreq request_for(const char *name)
{
	struct ifreq r = { 0 };

	memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
	return r;
}

static bool ethtool(int fd, const char *name, void *command)
{
	struct ifreq r = request_for(name);

	r.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

/* Drivers of guests, which take packets from their host as the host has them. */
static bool guest(const char *driver)
{
	static const char *const names[] = { "virtio_net", "vmxnet3", "hv_netvsc", "vif", "xen_netfront" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], driver) == 0)
			return true;
	return false;
}

void fos__nic_ask(int fd, const char *name, struct fos__nic *n)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq r = request_for(name);

	*n = (struct fos__nic){ 0 };
	if (ioctl(fd, SIOCGIFINDEX, &r))
		return;
	n->ifindex = r.ifr_ifindex;
	n->up = ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_UP;
	if (ioctl(fd, SIOCGIFHWADDR, &r) == 0)
		n->ether = r.ifr_hwaddr.sa_family == ARPHRD_ETHER || r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	if (ioctl(fd, SIOCGIFMTU, &r) == 0)
		n->mtu = (uint32_t)r.ifr_mtu;
	n->hardware = ethtool(fd, name, &driver) && driver.bus_info[0];
	n->wire = n->hardware && !guest(driver.driver);
	n->takes_tags = ethtool(fd, name, &flags) && flags.data & ETH_FLAG_RXVLAN;
	if (ethtool(fd, name, &channels))
		n->queues = channels.rx_count + channels.combined_count;
}
