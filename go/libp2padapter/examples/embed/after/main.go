// After is the program in the folder before with an embedded tracker: it is a node of a Rollbook
// network, on the host and the pubsub that it had.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/libp2padapter"
	"rollbook.dev/go/rollbook"
)

func main() {
	listen := flag.String("listen", "/ip4/0.0.0.0/tcp/0", "address to listen on")
	folder := flag.String("folder", ".", "where the key is")
	authority := flag.String("authority", "", "address of an authority, ending in /p2p/ID")
	flag.Parse()
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	key, err := loadKey(filepath.Join(*folder, "key"))
	check(err)
	host, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings(*listen))
	check(err)
	defer host.Close()
	ps, err := pubsub.NewGossipSub(context.Background(), host)
	check(err)
	work, err := ps.Join("work")
	check(err)
	defer work.Close()
	fmt.Println("I am", host.ID())

	home, err := peer.AddrInfoFromString(*authority)
	check(err)
	identity, err := libp2padapter.Identity(key)
	check(err)
	config := rollbook.Config{Network: "main", Authorities: []rollbook.PeerID{rollbook.PeerID(home.ID)}}
	tracker, err := rollbook.New(config, identity)
	check(err)
	defer tracker.Close()
	journal, err := rollbook.OpenFileJournal(filepath.Join(*folder, "journal"))
	check(err)
	defer journal.Close()
	roll, err := libp2padapter.Attach(context.Background(), host, ps, tracker, libp2padapter.Options{
		Journal: journal, Authorities: []peer.AddrInfo{*home},
		Announcement: &rollbook.Announcement{Agent: "example/1", Capabilities: []string{"worker"}},
	})
	check(err)
	defer roll.Close()
	for event := range roll.Events(stopped) {
		fmt.Println(event)
	}
	<-stopped.Done()
	leaving, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	check(roll.Leave(leaving))
}

// loadKey reads the host's key, or makes one.
func loadKey(path string) (crypto.PrivKey, error) {
	stored, err := os.ReadFile(path)
	if err == nil {
		return crypto.UnmarshalPrivateKey(stored)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, _, err := crypto.GenerateKeyPair(crypto.Ed25519, 0)
	if err != nil {
		return nil, err
	}
	stored, err = crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, stored, 0o600)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
