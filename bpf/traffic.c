// SPDX-License-Identifier: Apache-2.0
#include "bpf/traffic.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"

void traffic_drop(struct traffic *traffic)
{
	for (size_t i = 0; i < traffic->count; i++)
		bytes_drop(&traffic->list[i].data);
	traffic->count = traffic->left_out = 0;
}

int traffic_add(struct traffic *traffic, const char *name, const void *data, size_t len,
		struct fault *why)
{
	struct traffic_packet *packet = &traffic->list[traffic->count];

	if (len < TRAFFIC_PACKET_MIN || len > TRAFFIC_PACKET_MAX)
		return fault_set(why, FAULT_FORMAT, "%s has %zu bytes, not %d to %d", name, len,
				 TRAFFIC_PACKET_MIN, TRAFFIC_PACKET_MAX);
	if (traffic->count == TRAFFIC_MAX) {
		traffic->left_out++;
		return 0;
	}
	snprintf(packet->name, sizeof(packet->name), "%s", name);
	traffic->count++;
	return bytes_append(&packet->data, data, len, why);
}

// ---- ours ----

// Addresses and names that are nobody's (RFC 5737, RFC 3849), checksums as they have to be; zeros up to `len`.
static const struct {
	const char *name;
	size_t len;
	const char *hex;
} ours[] = {
	{"IPv4 TCP SYN", 54,
	 "020000000001020000000002080045000028123440004006a498c0000201c00002029c400050000000010000"
	 "00005002faf0945c"},
	{"IPv4 UDP", 50,
	 "020000000001020000000002080045000024123440004011a491c0000201c00002029c4000350010df54"},
	{"IPv6 TCP SYN", 74,
	 "02000000000102000000000286dd600000000014064020010db800000000000000000000000120010db80000"
	 "000000000000000000029c40005000000001000000005002faf0bceb"},
	{"ARP request", 42,
	 "02000000000102000000000208060001080006040001020000000002c0000201000000000000c0000202"},
	{"VLAN 5, IPv4 UDP", 54,
	 "02000000000102000000000281000005080045000024123440004011a491c0000201c00002029c4000350010"
	 "df54"},
	{"an Ethernet header", 14, "0200000000010200000000020800"},
	{"IPv4 UDP, 64 bytes", 64,
	 "020000000001020000000002080045000032123440004011a483c0000201c00002029c400035001edf38"},
	{"IPv4 UDP, 1514 bytes", 1514,
	 "0200000000010200000000020800450005dc1234400040119ed9c0000201c00002029c40003505c8d3e4"},
};

int traffic_add_ours(struct traffic *traffic, struct fault *why)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		unsigned char frame[1514] = {0};

		if (hex_read(ours[i].hex, frame, strlen(ours[i].hex) / 2))
			return fault_set(why, FAULT_OTHER, "packet %zu of ours is none", i);
		if (traffic_add(traffic, ours[i].name, frame, ours[i].len, why))
			return -1;
	}
	return 0;
}

// ---- captures ----

#define PCAP_HEAD     24
#define PCAP_RECORD   16
#define PCAP_ETHERNET 1
#define PCAP_MICRO    0xa1b2c3d4u
#define PCAP_NANO     0xa1b23c4du
#define PCAPNG	      0x0a0d0d0au

struct capture {
	const unsigned char *at;
	size_t left;
	bool swapped;
};

static uint32_t take_u32(const struct capture *capture, size_t offset)
{
	uint32_t number;

	memcpy(&number, capture->at + offset, sizeof(number));
	return capture->swapped ? __builtin_bswap32(number) : number;
}

static bool is_capture(struct capture *capture)
{
	uint32_t magic;

	if (capture->left < sizeof(magic))
		return false;
	magic = take_u32(capture, 0);
	if (magic == PCAP_MICRO || magic == PCAP_NANO)
		return true;
	magic = __builtin_bswap32(magic);
	capture->swapped = magic == PCAP_MICRO || magic == PCAP_NANO;
	return capture->swapped;
}

static int read_record(struct traffic *traffic, const char *name, struct capture *capture,
		       size_t number, struct fault *why)
{
	char label[TRAFFIC_NAME_MAX];
	size_t len;

	if (capture->left < PCAP_RECORD)
		return fault_set(why, FAULT_FORMAT, "%s is cut short in packet %zu", name, number);
	len = take_u32(capture, 8);
	capture->at += PCAP_RECORD;
	capture->left -= PCAP_RECORD;
	if (len > capture->left)
		return fault_set(why, FAULT_FORMAT, "%s is cut short in packet %zu", name, number);
	snprintf(label, sizeof(label), "%.48s #%zu", name, number);
	if (traffic_add(traffic, label, capture->at, len, why))
		return -1;
	capture->at += len;
	capture->left -= len;
	return 0;
}

static int read_capture(struct traffic *traffic, const char *name, struct capture *capture,
			struct fault *why)
{
	if (capture->left < PCAP_HEAD)
		return fault_set(why, FAULT_FORMAT, "%s is cut short in its head", name);
	// The upper half has flags of the check sequence.
	if ((take_u32(capture, 20) & 0xffff) != PCAP_ETHERNET)
		return fault_set(why, FAULT_FORMAT, "%s holds no Ethernet frames", name);
	capture->at += PCAP_HEAD;
	capture->left -= PCAP_HEAD;
	for (size_t number = 1; capture->left; number++)
		if (read_record(traffic, name, capture, number, why))
			return -1;
	return 0;
}

// ---- text ----

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The digits of one line; -1 when something else is in it. `*half` is a digit without its second.
static int read_digits(const char *at, size_t len, unsigned char *out, size_t *out_len, bool *half)
{
	*out_len = 0;
	*half = false;
	for (size_t i = 0; i < len && at[i] != '#'; i++) {
		int value = digit(at[i]);

		if (isspace((unsigned char)at[i]))
			continue;
		if (value < 0)
			return -1;
		if (*half)
			out[(*out_len)++] |= (unsigned char)value;
		else if (*out_len < TRAFFIC_PACKET_MAX)
			out[*out_len] = (unsigned char)(value << 4);
		else
			return -1;
		*half = !*half;
	}
	return 0;
}

static int read_line(struct traffic *traffic, const char *name, size_t number, const char *at,
		     size_t len, struct fault *why)
{
	unsigned char frame[TRAFFIC_PACKET_MAX];
	char label[TRAFFIC_NAME_MAX];
	size_t frame_len;
	bool half;

	if (read_digits(at, len, frame, &frame_len, &half) || half) {
		fault_set(
			why, FAULT_FORMAT,
			"%s is neither a capture nor a frame a line in hexadecimal digits, at most "
			"%d bytes each",
			name, TRAFFIC_PACKET_MAX);
		return fault_where(why, "%s:%zu", name, number);
	}
	if (!frame_len)
		return 0;
	snprintf(label, sizeof(label), "%.48s:%zu", name, number);
	if (traffic_add(traffic, label, frame, frame_len, why))
		return fault_where(why, "%s:%zu", name, number);
	return 0;
}

static int read_text(struct traffic *traffic, const char *name, const char *at, size_t left,
		     struct fault *why)
{
	for (size_t number = 1; left; number++) {
		const char *end = memchr(at, '\n', left);
		size_t len = end ? (size_t)(end - at) : left;

		if (read_line(traffic, name, number, at, len, why))
			return -1;
		at += len + (end ? 1 : 0);
		left -= len + (end ? 1 : 0);
	}
	return 0;
}

int traffic_add_file(struct traffic *traffic, const char *name, const void *data, size_t len,
		     struct fault *why)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	size_t before = traffic->count + traffic->left_out;
	struct capture capture = {.at = data, .left = len};
	uint32_t magic = 0;

	if (len >= sizeof(magic))
		memcpy(&magic, data, sizeof(magic));
	if (magic == PCAPNG) {
		fault_set(why, FAULT_FORMAT, "%s is a pcapng capture", name);
		return fault_fix(why,
				 "write it as pcap: editcap -F pcap, or tcpdump -r FILE -w OUT");
	}
	if (is_capture(&capture) ? read_capture(traffic, base, &capture, why)
				 : read_text(traffic, base, data, len, why))
		return -1;
	if (traffic->count + traffic->left_out == before)
		return fault_set(why, FAULT_FORMAT, "%s holds no packet", name);
	return 0;
}
