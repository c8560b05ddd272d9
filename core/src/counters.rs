//! Every deliberate drop, counted by name.

/// Declares the counters once: their names, meanings, storage and listing.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// How often each thing happened since the start. Whatever is dropped on purpose is here.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Counters {
            pub(crate) const ZERO: Counters = Counters { $($name: 0,)+ };

            /// All counters with their names.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Statements that advanced the roll.
    statements_taken,
    /// Statements that the roll holds already.
    statements_known,
    /// Statements older than what the roll holds.
    statements_older,
    /// Statements whose signature is not their writer's, or whose writer's key is weak.
    statements_bad_signature,
    /// Statements whose writer's kind of key cannot be checked here.
    statements_unsupported_key,
    /// Statements by a writer who is no configured authority.
    statements_unknown_writer,
    /// Statements of a kind that this version does not know.
    statements_unknown_kind,
    /// Announcements of nodes whose standing does not admit them.
    statements_not_admitted,
    /// Statements for which there was no room.
    statements_no_room,
    /// Statements about nodes that this partial replica does not hold.
    statements_out_of_scope,
    /// Nodes that this partial replica gave up for one that it must hold.
    nodes_given_up,
    /// Times that no more signatures were checked for a peer that had wasted too many.
    verifications_over_budget,
    /// Announcements put in the pool of the unvouched.
    pool_taken,
    /// Announcements of the unvouched for which the pool had no room.
    pool_full,
    /// Announcements of the unvouched that are not connected, beyond the places for such nodes.
    pool_over_quota,
    /// Announcements of the unvouched given up after a while.
    pool_expired,
    /// Writers that contradicted themselves.
    equivocations,
    /// Statements in this node's name that it did not make in this run.
    own_statements_met,
    /// Decisions and presences made anew, as two by this authority did not agree: it had forgotten
    /// the earlier one when it made the later.
    own_statements_merged,
    /// Presences refused, as their authority's horizon voids them.
    statements_void,
    /// Nodes that left the roll, as nobody listed vouches for them any more.
    nodes_forgotten,
    /// Presences issued again, so that a horizon does not void them.
    presences_reissued,
    /// Gossip messages passed on.
    gossip_accepted,
    /// Gossip messages that held nothing new.
    gossip_ignored,
    /// Statements not taken from gossip since their writer says too much.
    gossip_over_rate,
    /// Gossip messages that were malformed, forged, too large, or of another format.
    gossip_rejected,
    /// Gossip messages sent.
    gossip_sent,
    /// Requests answered.
    requests_answered,
    /// Requests that were malformed, too large, or of another format.
    requests_rejected,
    /// Requests sent.
    requests_sent,
    /// Requests that failed or were not answered in time.
    requests_failed,
    /// Responses that were malformed, forged, too large, or not asked for.
    responses_rejected,
    /// Exchanges with a replica that trusts other authorities.
    authorities_differ,
    /// Exchanges with a replica that trusts none of the authorities that this one does.
    nothing_in_common,
    /// Walks begun, to find out where two rolls differ.
    walks_begun,
    /// Walks given up: the peer was gone, broke the rules, or it took too long.
    walks_given_up,
    /// Walks that moved nothing though the rolls differed before and after.
    walks_fruitless,
    /// Peers whose rolls stayed different though walks found nothing to move: alarms.
    roots_differ,
    /// Steps of others' walks put off, since those cost too much or may not be answered.
    walks_over_budget,
    /// Peers beyond those that are synchronised with.
    peers_no_room,
    /// Leases granted for the first time.
    leases_granted,
    /// Leases that lapsed.
    leases_lapsed,
    /// Renewals refused.
    leases_refused,
    /// New nodes put off, as an authority vouches for no more of them at a time.
    newcomers_over_rate,
    /// New nodes put off, as many came from addresses that begin alike.
    newcomers_over_quota,
    /// New nodes put off, as this authority has used up its share of the places.
    newcomers_over_share,
    /// Batches of observations by who may hand in none, or not of its session.
    observations_refused,
    /// Batches of observations put off, since their observer says too much.
    observations_over_rate,
    /// Batches of observations put off, since there was no room for what they count.
    observations_no_room,
    /// Counts that count for nothing: of nodes not held here or of the observer itself, over the
    /// bound of a batch, or of a batch that may have been counted before.
    observations_dropped,
    /// Notices lost because the application did not take them in time.
    notices_lost,
}
