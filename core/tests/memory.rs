//! What a known node costs on the heap.
#![cfg(feature = "alloc")]

mod counting;

use counting::{Counting, bytes_held, statements, with_nodes};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn known_node_costs_at_most_700_bytes_with_two_authorities() {
    let count = 10_000;
    let sizes: Vec<usize> = statements(5_000, 2).iter().map(Vec::len).collect();
    let before = bytes_held();
    let tracker = with_nodes(count);
    let held = bytes_held() - before;
    let fixed = i64::try_from(size_of_val(&*tracker)).expect("small");
    let per_node = (held - fixed) / i64::from(count);
    println!("statements {sizes:?} = {}; per node {per_node} bytes", sizes.iter().sum::<usize>());
    assert!(per_node <= 700, "{per_node} bytes");
}
