// Inproc is the smallest network: an authority and a member in one process, without a network. It
// shows the loop of a program that has a transport of its own.
package main

import (
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"rollbook.dev/go/rollbook"
)

// node is a tracker with its journal.
type node struct {
	name    string
	tracker *rollbook.Tracker
	journal *rollbook.FileJournal
}

func main() {
	folder, err := os.MkdirTemp("", "rollbook")
	check(err)
	defer func() { check(os.RemoveAll(folder)) }()

	first, second := newIdentity(), newIdentity()
	authority := start("authority", folder, first, first.PeerID())
	member := start("member", folder, second, first.PeerID())
	defer authority.close()
	defer member.close()
	connect(authority, member)
	connect(member, authority)

	// The loop: what happens goes in, what the trackers want done comes out. Here nothing happens but
	// that time passes.
	now := time.Now()
	for !isOnline(member, now) {
		turn(now, authority, member)
		turn(now, member, authority)
		now = now.Add(time.Second)
		check(authority.tracker.Tick(now))
		check(member.tracker.Tick(now))
	}
	for seen := range authority.tracker.Nodes(now) {
		fmt.Println(seen.PeerID, seen.Standing, seen.Presence, seen.Announcement.Agent)
	}
}

func newIdentity() rollbook.Identity {
	seed := make([]byte, 32)
	_, err := rand.Read(seed)
	check(err)
	identity, err := rollbook.Ed25519(seed)
	check(err)
	return identity
}

// start makes a node with a new identity.
func start(name, folder string, identity rollbook.Identity, authority rollbook.PeerID) *node {
	tracker, err := rollbook.New(rollbook.Config{
		Network: "example", Authorities: []rollbook.PeerID{authority},
	}, identity)
	check(err)
	journal, err := rollbook.CreateFileJournal(filepath.Join(folder, name), identity.PeerID())
	check(err)
	_, err = journal.Recover(tracker)
	check(err)
	check(tracker.Start(time.Now()))
	check(tracker.Announce(time.Now(), rollbook.Announcement{Agent: name}))
	return &node{name, tracker, journal}
}

func (n *node) close() {
	check(n.tracker.Close())
	check(n.journal.Close())
}

func connect(n, to *node) { check(n.tracker.PeerUp(time.Now(), to.tracker.PeerID(), nil)) }

func isOnline(n *node, now time.Time) bool {
	seen, _, err := n.tracker.Get(now, n.tracker.PeerID())
	check(err)
	return seen.Presence == rollbook.PresenceOnline
}

// turn does what a node wants done, in its order.
func turn(now time.Time, n, peer *node) {
	for out := new(rollbook.Outputs); ; {
		check(n.tracker.Drain(now, out))
		if out.Empty() {
			return
		}
		check(n.journal.Keep(n.tracker, now, out))
		for _, message := range out.Publications {
			_, err := peer.tracker.HandleMessage(now, n.tracker.PeerID(), message)
			check(err)
		}
		for _, request := range out.Requests {
			response, err := peer.tracker.HandleRequest(now, n.tracker.PeerID(), request.Message, nil)
			check(err)
			check(n.tracker.HandleResponse(now, request.To, response))
		}
		for _, event := range out.Events {
			fmt.Println(n.name, "is told:", event)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
