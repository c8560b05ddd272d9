//! Many processes with two authorities, of which one is killed and comes back.

use rollbook_tests::{Setup, Swarm};

/// Together with the two authorities these are fifty.
const MEMBERS: usize = 48;

#[test]
fn fifty_nodes_lose_an_authority_and_nobody_is_called_left() {
    let mut swarm = Swarm::start(MEMBERS, &Setup::slow().with("sync-interval", "3s"));
    swarm.converge(MEMBERS + 2);
    swarm.authorities[0].kill9();
    let second = swarm.authorities[1].peer_id().to_owned();
    swarm.await_all("the second authority is home", |status| {
        status["home"] == second.as_str() && status["degraded"] == false
    });
    let subject = swarm.members[0].peer_id().to_owned();
    swarm.authorities[1].cli(["grant", &subject, "staked"]).success();
    for node in swarm.running() {
        node.await_view("a grant by the second authority", &subject, |view| {
            view["isStaked"] == true
        });
    }
    // Everybody who lives is online again, by the word of the second.
    swarm.converge(MEMBERS + 1);
    swarm.authorities[0].start_again();
    swarm.converge(MEMBERS + 2);
    assert_eq!(swarm.authorities[0].view(&subject).expect("held")["isStaked"], true);
    assert_eq!(swarm.left_count(), 0);
}
