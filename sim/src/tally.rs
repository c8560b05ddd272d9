//! How often each fault really struck: a fault that never fires proves nothing.

/// Declares the counters once: names, meanings, storage and listing.
macro_rules! tallies {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// How often each thing happened in a run.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Tally {
            /// All of them with their names.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }

            /// Adds those of another run.
            pub fn add(&mut self, other: &Tally) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

tallies! {
    /// Messages that the network lost.
    lost,
    /// Messages that arrived twice.
    duplicated,
    /// Messages that a later one overtook.
    reordered,
    /// Messages held up by a spike of delay.
    delayed,
    /// Messages that a partition stopped.
    cut_off,
    /// Partitions in both directions.
    partitions,
    /// Partitions in one direction.
    asymmetric_partitions,
    /// Times of heavy loss.
    storms,
    /// Times of heavy delay.
    spikes,
    /// Nodes that lost their power.
    power_cuts,
    /// Nodes that were killed.
    kills,
    /// Crashes that left a torn last frame.
    torn_tails,
    /// Crashes that lost frames written and not synced.
    frames_lost,
    /// Members that lost their disk.
    member_disks_lost,
    /// Authorities that lost their disk.
    authority_disks_lost,
    /// Decisions that a replica had and that their authority, which lost its disk, replaced by later
    /// ones without them: nobody gave them back in time.
    decisions_forgotten,
    /// Nodes that left a roll, as their place was needed or their authority was not listed any more.
    nodes_forgotten,
    /// Authorities that were away for long.
    authority_outages,
    /// Authorities that nobody could give anything back, and that an operator let go on.
    recoveries_by_hand,
    /// Disks that were full.
    disks_full,
    /// Writes that failed.
    writes_failed,
    /// Journals written anew after a failed write.
    journals_rewritten,
    /// Disks whose syncs took long.
    disks_slow,
    /// Signatures that were made elsewhere.
    signatures_made,
    /// Of these: not made, and asked for again.
    signatures_failed,
    /// Of these: wrong, and asked for again.
    signatures_wrong,
    /// Of these: of what a newer statement had taken the place of.
    signatures_late,
    /// Journals that could not be written anew while a signature was awaited.
    snapshots_put_off,
    /// Journals compacted.
    compactions,
    /// Wall clocks that were set.
    clock_steps,
    /// Nodes that slept.
    suspends,
    /// Nodes that were slow.
    slowdowns,
    /// Inputs that waited for a slow or sleeping node.
    inputs_late,
    /// Roll-outs of a longer list of authorities.
    rollouts,
    /// Requests between replicas of different lists.
    lists_differed,
    /// Second machines with the key of a node.
    clones,
    /// Statements of one version and two payloads, by a member.
    members_equivocated,
    /// Statements of one version and two payloads, by an authority's key.
    authorities_equivocated,
    /// Statements in somebody else's name.
    forged,
    /// Genuine statements with another signature or another byte.
    malleated,
    /// Announcements of fresh identities.
    fresh_identities,
    /// Identities that asked for a lease and never came again.
    sybils,
    /// Announcements in a stream of versions by one node.
    version_floods,
    /// Inputs of random bytes.
    garbage,
    /// Responses that claim what is not so.
    lies,
    /// Old gossip that was sent again.
    replays,
    /// Nodes that left in order.
    leaves,
    /// Nodes that came back after they left.
    joins,
    /// Changes of what a node says of itself.
    changes,
    /// Decisions asked of an authority.
    decisions,
    /// Of these: confirmed once they were on disk.
    acknowledged,
    /// Histories imported.
    imports,
}
