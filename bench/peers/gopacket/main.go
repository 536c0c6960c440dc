// SPDX-License-Identifier: BSD-2-Clause

// gopacket_streams: a peer: gopacket's package reassembly reads a capture and puts every TCP stream in order. Writes a
// file a stream, and index.tsv, which streams.py turns into golden lines. It decides nothing itself: streams are
// accepted as the library offers them, what it skips is written down as a gap, and all is flushed once, at the end
// (or as -flush-after says).
//
// usage: gopacket_streams [-flush-after SECONDS] CAPTURE FOLDER
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/google/gopacket/reassembly"
)

// half is one direction of a connection.
type half struct {
	src, dst string
	use      int
	seen     bool // a packet was sent in this direction
	mid      bool // it began without a SYN
	data     []byte
	offset   uint64 // bytes and gaps so far
	gaps     []string
}

// session takes what the library delivers of a connection.
type session struct {
	half [2]*half // by direction: client to server first
}

func index(dir reassembly.TCPFlowDirection) int {
	if dir == reassembly.TCPDirClientToServer {
		return 0
	}
	return 1
}

func (s *session) Accept(tcp *layers.TCP, ci gopacket.CaptureInfo, dir reassembly.TCPFlowDirection,
	next reassembly.Sequence, start *bool, ac reassembly.AssemblerContext) bool {
	s.half[index(dir)].seen = true
	return true
}

func (s *session) ReassembledSG(sg reassembly.ScatterGather, ac reassembly.AssemblerContext) {
	dir, _, _, skip := sg.Info()
	h := s.half[index(dir)]
	length, _ := sg.Lengths()
	if skip == -1 {
		h.mid = true
	} else if skip > 0 {
		h.gaps = append(h.gaps, fmt.Sprintf("%d+%d", h.offset, skip))
		h.offset += uint64(skip)
	}
	if length > 0 {
		h.data = append(h.data, sg.Fetch(length)...)
		h.offset += uint64(length)
	}
}

func (s *session) ReassemblyComplete(ac reassembly.AssemblerContext) bool {
	return true // forget the connection: the next SYN makes a new one
}

// factory makes a session a connection, and counts the uses of its addresses.
type factory struct {
	uses map[string]int
	all  []*session
}

func endpoint(net, transport gopacket.Endpoint) string {
	addr := net.String()
	if strings.Contains(addr, ":") {
		addr = "[" + addr + "]"
	}
	return addr + ":" + transport.String()
}

func (f *factory) New(net, transport gopacket.Flow, tcp *layers.TCP, ac reassembly.AssemblerContext) reassembly.Stream {
	a, b := endpoint(net.Src(), transport.Src()), endpoint(net.Dst(), transport.Dst())
	name := a + " " + b
	if b < a {
		name = b + " " + a
	}
	use := f.uses[name]
	f.uses[name]++
	s := &session{half: [2]*half{{src: a, dst: b, use: use}, {src: b, dst: a, use: use}}}
	f.all = append(f.all, s)
	return s
}

// context hands the time stamp of a packet to the library.
type context struct{ info gopacket.CaptureInfo }

func (c *context) GetCaptureInfo() gopacket.CaptureInfo { return c.info }

func run(capture string, flushAfter time.Duration) (*factory, error) {
	handle, err := pcap.OpenOffline(capture)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	f := &factory{uses: map[string]int{}}
	assembler := reassembly.NewAssembler(reassembly.NewStreamPool(f))
	fragments := ip4defrag.NewIPv4Defragmenter()
	for {
		data, info, err := handle.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		packet := gopacket.NewPacket(data, handle.LinkType(), gopacket.Default)
		if ip, ok := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok {
			length := ip.Length
			whole, err := fragments.DefragIPv4WithTimestamp(ip, info.Timestamp)
			if err != nil || whole == nil {
				continue // a fragment that is waited with, or one that it refuses
			}
			if whole.Length != length {
				if builder, ok := packet.(gopacket.PacketBuilder); ok {
					_ = whole.NextLayerType().Decode(whole.Payload, builder)
				}
			}
		}
		tcp, ok := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok || packet.NetworkLayer() == nil {
			continue
		}
		assembler.AssembleWithContext(packet.NetworkLayer().NetworkFlow(), tcp, &context{info})
		if flushAfter > 0 {
			assembler.FlushCloseOlderThan(info.Timestamp.Add(-flushAfter))
		}
	}
	assembler.FlushAll()
	return f, nil
}

func write(f *factory, folder string) error {
	out, err := os.Create(filepath.Join(folder, "index.tsv"))
	if err != nil {
		return err
	}
	defer out.Close()
	text := bufio.NewWriter(out)
	number := 0
	for _, s := range f.all {
		for _, h := range s.half {
			if !h.seen && len(h.data) == 0 {
				continue
			}
			number++
			file := fmt.Sprintf("%d", number)
			if err := os.WriteFile(filepath.Join(folder, file), h.data, 0o600); err != nil {
				return err
			}
			gaps, start := "-", "-"
			if len(h.gaps) > 0 {
				gaps = strings.Join(h.gaps, ",")
			}
			if h.mid {
				start = "mid"
			}
			fmt.Fprintf(text, "%s\t%s\t%s\t%d\t%s\t%s\n", file, h.src, h.dst, h.use, gaps, start)
		}
	}
	return text.Flush()
}

func main() {
	after := flag.Float64("flush-after", 0, "give up what is missing after so many seconds of the capture (0: at the end)")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: gopacket_streams [-flush-after SECONDS] CAPTURE FOLDER")
		os.Exit(2)
	}
	f, err := run(flag.Arg(0), time.Duration(*after*float64(time.Second)))
	if err == nil {
		err = write(f, flag.Arg(1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gopacket_streams:", err)
		os.Exit(2)
	}
}
