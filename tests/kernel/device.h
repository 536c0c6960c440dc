/* SPDX-License-Identifier: BSD-2-Clause
 *
 * device.h: a network namespace of its own with one device, on whose far end there is no stack: what is sent there
 * arrives at this kernel as from a network, and what the kernel answers reaches nobody but who reads it here.
 *
 * Needs root. The namespace goes with the process.
 */
#ifndef KERNEL_DEVICE_H
#define KERNEL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How packets reach the kernel. Their bytes lie in memory from kmalloc (veth, from a packet socket), or from page
 * fragments (tap), as most drivers of hardware have it. */
enum device_kind { DEVICE_VETH, DEVICE_TAP };

struct device {
	int fd;
	uint8_t mac[6]; /* of the kernel's end */
};

/* Makes the namespace (the process is in it afterwards), the device, and the server's addresses. Returns 0, or a
 * negative errno with what failed in err. */
int device_open(struct device *d, enum device_kind kind, char *err, size_t errlen);

/* Sends an IP packet; the kernel has processed it when this returns, or soon. False: errno says why. */
bool device_send(struct device *d, const uint8_t *packet, size_t len);

/* Receives an IP packet into buf, waiting at most timeout_ms. Returns its length; 0: none came. */
size_t device_receive(struct device *d, uint8_t *buf, size_t size, int timeout_ms);

void device_close(struct device *d);

#endif
