#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market::refusals {

void leases() {
    World w;
    w.must("alice", w.registration("alice", 10'000'000, 1));
    w.must("bob", w.publication());
    w.must("bob", JobPost{w.job_spec(2)});
    const auto pair = w.await_leases("alice", 2);
    const auto head = pair[0].lease.waiting ? pair[1] : pair[0];
    const auto tail = pair[0].lease.waiting ? pair[0] : pair[1];

    Ladder(w, "carol", LeaseReportInput{})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = tail.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_waits, [&](auto& b) { b.lease = head.id; })
        .expect(Refusal::no_input);
    Ladder(w, "carol", LeaseStart{})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = tail.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_waits, [&](auto& b) { b.lease = head.id; })
        .expect(Refusal::none);
    LeaseReveal reveal = w.make_reveal(head, Gas{5});
    const LeaseCommit commit = w.make_commit(reveal, w.address("alice"));
    Ladder(w, "carol", LeaseCommit{{}, commit.commitment})
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = head.id; })
        .rung(Refusal::not_provider, kNoMend)
        .as("alice")
        .rung(Refusal::lease_not_started, [&] { w.must("alice", LeaseStart{head.id}); })
        .expect(Refusal::none);
    Ladder(w, "alice", LeaseReturn{head.id}).expect(Refusal::lease_not_matched);
    LeaseReveal bad = reveal;
    bad.lease = {};
    bad.claims.front().task = 9;
    bad.claims.front().gas = Gas{1'000'000'001};
    bad.salt = {};
    const auto claim = [](auto change) {
        return [change](LeaseReveal& b) { change(b.claims.front()); };
    };
    Ladder(w, "carol", bad)
        .rung(Refusal::lease_unknown, [&](auto& b) { b.lease = head.id; })
        .rung(Refusal::lease_not_committed, [&] { w.must("alice", commit); })
        .rung(Refusal::claims_wrong_tasks, [](auto& b) { b.claims.clear(); })
        .rung(Refusal::claims_wrong_tasks,
              [&](auto& b) {
                  b.claims = reveal.claims;
                  b.claims.front().gas = Gas{1'000'000'001};
              })
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.gas = Gas{5};
                  c.boundary_count = 0;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.boundary_count = 2;
                  c.trap_function = 1;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) {
                  c.trap_function = 0;
                  c.end = ClaimEnd::out_of_gas;
              }))
        .rung(Refusal::claim_out_of_range, claim([](Claim& c) { c.end = ClaimEnd::exited; }))
        .rung(Refusal::commitment_mismatch, [&](auto& b) { b.salt = reveal.salt; })
        // Anyone may relay a reveal.
        .top();
    Ladder(w, "alice", LeaseReturn{tail.id}).top();
}

void lease_deadlines() {
    World w;
    w.must("alice", w.registration("alice", 10'000'000, 3));
    w.must("bob", w.publication());
    w.must("bob", JobPost{w.job_spec(3)});
    const auto all = w.await_leases("alice", 3);
    w.must("alice", LeaseStart{all[1].id});
    w.must("alice", LeaseStart{all[2].id});
    LeaseReveal reveal = w.make_reveal(all[2], Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    // At a deadline the rule already says no, whether or not a sweep has come by.
    const auto expect_at = [&](const LeaseId& id, auto body, Refusal expected) {
        Overlay overlay(w.state);
        Ledger ledger(overlay);
        ledger.chain.active_time = *find_lease(ledger, id)->deadline;
        const Refusal found = check(ledger, {w.address("alice"), {}}, body);
        CHECK(found == expected);
        seen().insert(found);
        ledger.chain.active_time.value -= 1;
        CHECK(check(ledger, {w.address("alice"), {}}, body) == Refusal::none);
    };
    expect_at(all[0].id, LeaseStart{all[0].id}, Refusal::start_deadline_passed);
    expect_at(all[1].id, w.make_commit(w.make_reveal(all[1], Gas{5}), w.address("alice")),
              Refusal::commit_deadline_passed);
    expect_at(all[2].id, reveal, Refusal::reveal_deadline_passed);

    const ActiveTime due = *lease_view(w.state, all[0].id)->lease.deadline;
    Ladder(w, "carol", LockRelease{DueKind::lease_start, due, Hash{}, 0})
        .rung(Refusal::nothing_due, [&](auto& b) { b.subject = Hash{all[0].id.bytes}; })
        .expect(Refusal::not_due);
}

void shut_reveals() {
    World w;
    w.must("alice", w.registration("alice"));
    w.must("carol", w.registration("carol"));
    w.must("bob", w.publication());
    JobSpec spec = w.job_spec(1);
    spec.replicas = 2;
    w.must("bob", JobPost{spec});
    const auto a = w.await_leases("alice", 1).front();
    const auto c = w.await_leases("carol", 1).front();
    w.must("alice", LeaseStart{a.id});
    const LeaseReveal reveal = w.make_reveal(a, Gas{5});
    w.must("alice", w.make_commit(reveal, w.address("alice")));
    const auto finish_carol = [&] {
        w.must("carol", LeaseStart{c.id});
        w.must("carol", w.make_commit(w.make_reveal(c, Gas{5}), w.address("carol")));
    };
    Ladder(w, "alice", reveal).rung(Refusal::reveal_not_open, finish_carol).top();
}

}  // namespace millrace::market::refusals
