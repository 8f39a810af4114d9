#include "tests/unit/market/refusal_ladder.hpp"

namespace millrace::market::refusals {

namespace {
/// One region of the machine.
constexpr std::uint64_t kStdinMax = 1ULL << 32U;
}  // namespace

void modules() {
    World w;
    const ModulePublish good = w.publication();
    ModulePublish bad = good;
    bad.statement.chain = {};
    bad.statement.protocol_version = 9;
    bad.statement.size = 0;
    bad.life_ms = 0;
    bad.statement.epoch = Epoch{7};
    bad.signatures = {{3, {}}};
    w.must("bob", w.publication("other"));
    bad.statement.image = w.image("other");
    Ladder(w, "stranger", bad)
        .rung(Refusal::module_chain_wrong, [&](auto& b) { b.statement.chain = w.chain(); })
        .rung(Refusal::module_version_wrong, [](auto& b) { b.statement.protocol_version = 1; })
        .rung(Refusal::module_size_invalid,
              [&](auto& b) { b.statement.size = w.params().modules.module_size_max + 1; })
        .rung(Refusal::module_size_invalid,
              [&](auto& b) { b.statement.size = good.statement.size; })
        .rung(Refusal::module_life_invalid,
              [&](auto& b) { b.life_ms = w.params().modules.module_life_max_ms + 1; })
        .rung(Refusal::module_life_invalid, [&](auto& b) { b.life_ms = good.life_ms; })
        .rung(Refusal::module_epoch_wrong, [](auto& b) { b.statement.epoch = Epoch{0}; })
        .rung(Refusal::module_exists, [&](auto& b) { b.statement.image = w.image(); })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("bob")
        .rung(Refusal::module_signers_invalid, [](auto& b) { b.signatures = {{0, {}}, {0, {}}}; })
        .rung(Refusal::module_signers_invalid, [](auto& b) { b.signatures.clear(); })
        .rung(Refusal::module_quorum_missing, [](auto& b) { b.signatures = {{0, {}}}; })
        .rung(Refusal::module_signature_invalid, [&](auto& b) { b.signatures = good.signatures; })
        .top();
    Ladder(w, "stranger", ModuleRenew{w.image("none"), 0})
        .rung(Refusal::module_unknown, [&](auto& b) { b.image = w.image(); })
        .rung(Refusal::module_life_invalid,
              [&](auto& b) { b.life_ms = w.params().modules.module_life_max_ms; })
        // A sum that wraps round to a short life: free of charge, it would end the module.
        .rung(Refusal::module_life_invalid, [](auto& b) { b.life_ms = UINT64_MAX - 999; })
        .rung(Refusal::module_life_invalid, [](auto& b) { b.life_ms = 86'400'000; })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("carol")
        .top();
}

void posting() {
    Params params = Params::dev();
    params.auction.bids_max = 1;
    World w(params);
    const JobSpec good = w.job_spec(4);
    JobSpec bad = good;
    bad.replicas = 0;
    bad.tasks = 0;
    bad.task_gas = {};
    bad.tasks_per_lot = 0;
    bad.limit = {};
    bad.requirement.memory_tier = kMemoryTiers;
    bad.first_fill = 9;
    bad.list = {nobody()};
    bad.audit_rate_bp = 1;
    bad.attempts = 0;
    bad.window_ms = 0;
    bad.life_ms = 0;
    bad.retention_ms = params.jobs.retention_max_ms + 1;
    bad.output_bytes_max = kOutputBytesMax + 1;
    bad.arguments = {Argument(std::string(kArgumentBytesMax, 'x'))};
    const auto fix = [](auto change) { return [change](JobPost& b) { change(b.spec); }; };
    Ladder(w, "stranger", JobPost{bad})
        .rung(Refusal::replicas_out_of_range, fix([](auto& s) { s.replicas = 9; }))
        .rung(Refusal::replicas_out_of_range, fix([](auto& s) { s.replicas = 1; }))
        .rung(Refusal::tasks_out_of_range, fix([](auto& s) {
                  s.tasks = 40'000;
                  s.replicas = 2;
              }))
        .rung(Refusal::tasks_out_of_range, fix([](auto& s) {
                  s.tasks = 4;
                  s.replicas = 1;
              }))
        .rung(Refusal::task_gas_out_of_range,
              fix([&](auto& s) { s.task_gas = Gas{kTaskGasMax + 1}; }))
        .rung(Refusal::task_gas_out_of_range, fix([&](auto& s) { s.task_gas = good.task_gas; }))
        .rung(Refusal::tasks_per_lot_out_of_range, fix([](auto& s) { s.tasks_per_lot = 61; }))
        .rung(Refusal::tasks_per_lot_out_of_range, fix([](auto& s) { s.tasks_per_lot = 1; }))
        .rung(Refusal::limit_out_of_range, fix([](auto& s) { s.limit = Price{kPriceBound}; }))
        .rung(Refusal::limit_out_of_range, fix([](auto& s) { s.limit = Price{1}; }))
        .rung(Refusal::requirement_invalid, fix([](auto& s) { s.requirement.memory_tier = 0; }))
        .rung(Refusal::first_fill_out_of_range, fix([](auto& s) { s.first_fill = 0; }))
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.list_kind = ListKind::deny;
                  s.list.push_back(s.list.front());
              }))
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.list.pop_back();
                  s.list_kind = ListKind::allow;
                  s.replicas = 2;
              }))
        // Two replicas, one provider: no chunk could ever be begun and finished.
        .rung(Refusal::list_invalid, fix([](auto& s) {
                  s.replicas = 1;
                  s.list_kind = ListKind::deny;
                  s.tasks = 257;
                  s.spread = 1;
              }))
        .rung(Refusal::spread_too_small, fix([](auto& s) {
                  s.tasks = 4;
                  s.spread = 0;
              }))
        .rung(Refusal::audits_not_active, fix([](auto& s) { s.audit_rate_bp = 0; }))
        .rung(Refusal::attempts_out_of_range, fix([](auto& s) { s.attempts = 9; }))
        .rung(Refusal::attempts_out_of_range, fix([](auto& s) { s.attempts = 1; }))
        .rung(Refusal::window_too_short, fix([](auto& s) { s.window_ms = 399; }))
        .rung(Refusal::window_too_short,
              fix([&](auto& s) { s.window_ms = params.jobs.window_max_ms + 1; }))
        .rung(Refusal::window_too_long, fix([](auto& s) { s.window_ms = 400; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = shortest_life_ms(params) - 1; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = params.jobs.job_life_max_ms + 1; }))
        .rung(Refusal::life_out_of_range,
              fix([&](auto& s) { s.life_ms = params.jobs.job_life_max_ms; }))
        .rung(Refusal::retention_too_long, fix([](auto& s) { s.retention_ms = 86'400'000; }))
        .rung(Refusal::data_too_large, fix([](auto& s) {
                  s.output_bytes_max = kOutputBytesMax;
                  s.input = JobInput{{}, kOutputBytesMax + 1};
              }))
        .rung(Refusal::data_too_large, fix([](auto& s) {
                  s.input.reset();
                  s.stdin_blob = JobStdin{{}, kStdinMax + 1};
              }))
        // From here on the machine's own rule: no task could ever be made of such a job.
        .rung(Refusal::arguments_too_large,
              fix([](auto& s) { s.arguments = {Argument(std::string("a\0b", 3))}; }))
        .rung(Refusal::stdin_too_large, fix([](auto& s) { s.stdin_blob->bytes = kStdinMax; }))
        .rung(Refusal::arguments_hold_nul, fix([](auto& s) {
                  s.arguments.clear();
                  s.environment.push_back(Argument(std::string("A=b\0", 4)));
              }))
        .rung(Refusal::arguments_hold_nul,
              fix([](auto& s) { s.environment.back() = Argument("MILLRACE_TASK"); }))
        .rung(Refusal::environment_invalid,
              fix([](auto& s) { s.environment.back() = Argument("=MILLRACE_TASK"); }))
        .rung(Refusal::environment_invalid,
              fix([](auto& s) { s.environment.back() = Argument("MILLRACE_TASK=7"); }))
        .rung(Refusal::environment_reserved, fix([](auto& s) {
                  s.environment.back() = Argument("TASK=7=");
                  s.stdin_blob.reset();
              }))
        .rung(Refusal::module_unknown,
              [&] {
                  ModulePublish p = w.publication();
                  p.life_ms = longest_need_ms(params, good) + 1'000;
                  p.statement.features = 5;
                  p = w.signed_again(p);
                  w.must("bob", p);
              })
        // It lives for as long as the lots are on offer, but not to the end of the last lease.
        .rung(Refusal::module_ends_too_early,
              fix([&](auto& s) { s.life_ms = good.life_ms + 2'000; }))
        .rung(Refusal::module_ends_too_early, fix([&](auto& s) { s.life_ms = good.life_ms; }))
        .rung(Refusal::features_missing, fix([](auto& s) { s.requirement.features = 4; }))
        .rung(Refusal::features_missing, fix([](auto& s) { s.requirement.features = 7; }))
        .rung(Refusal::lot_below_fees, fix([](auto& s) {
                  s.limit = Price{kPriceBound - 1};
                  s.task_gas = Gas{60'000'000'000};
                  s.window_ms = 1'200;
                  s.life_ms = 10'000;
                  s.tasks = 65'536;
                  s.retention_ms = 0;
              }))
        .rung(Refusal::balance_too_low, fix([&](auto& s) {
                  s = good;
                  s.requirement.features = 5;
              }))
        .rung(Refusal::balance_too_low, kNoMend)
        .as("alice")
        .top();
    // The only place is taken by a bid that paid nothing for it: one that pays more gets it.
    JobSpec second = good;
    second.requirement.features = 5;
    second.admission = Amount{0};
    Ladder(w, "carol", JobPost{second})
        .rung(Refusal::book_full, fix([](auto& s) { s.admission = Amount{1}; }))
        .top();
    CHECK(w.chain_state().bids == 1);
}

void absurd_escrow() {
    Params params = Params::dev();
    params.jobs.retention_price_per_mib_day = credits(1);
    World w(params);
    w.must("bob", w.publication());
    JobSpec spec = w.job_spec(65'536);
    spec.limit = Price{kPriceBound - 1};
    spec.task_gas = Gas{60'000'000'000};
    spec.window_ms = 1'200;
    spec.retention_ms = w.params().jobs.retention_max_ms;
    spec.output_bytes_max = kOutputBytesMax;
    Ladder(w, "alice", JobPost{spec}).expect(Refusal::total_too_large);
}

void job_changes() {
    World w;
    w.must("bob", w.publication());
    const JobId id = w.next_job("alice");
    w.must("alice", JobPost{w.job_spec(4)});
    Ladder(w, "stranger", JobTopup{{}, Amount{}})
        .rung(Refusal::amount_zero, [](auto& b) { b.amount = credits(1); })
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::balance_too_low, kNoMend)
        .as("carol")
        .top();
    CHECK(job_view(w.state, id)->job.spare == credits(1));
    Ladder(w, "carol", JobRaise{{}, Price{kPriceBound}})
        .rung(Refusal::limit_out_of_range, [](auto& b) { b.limit = Price{20'000'000}; })
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::not_buyer, kNoMend)
        .as("alice")
        .rung(Refusal::limit_not_higher, [](auto& b) { b.limit = Price{kPriceBound - 1}; })
        .expect(Refusal::none);
    JobSpec dear = w.job_spec(60'000);
    const JobId dear_id = w.next_job("bob");
    w.must("bob", JobPost{dear});
    Ladder(w, "bob", JobRaise{dear_id, Price{kPriceBound - 1}})
        .rung(Refusal::balance_too_low, [](auto& b) { b.limit = Price{20'000'001}; })
        .top();
    // The raise drew on the spare credit first.
    w.must("alice", JobRaise{id, Price{30'000'000}});
    CHECK(job_view(w.state, id)->job.spare.value == kNanoPerCredit - 4 * 10'000'000);
    Ladder(w, "carol", JobCancel{})
        .rung(Refusal::job_unknown, [&](auto& b) { b.job = id; })
        .rung(Refusal::not_buyer, kNoMend)
        .as("alice")
        .rung(Refusal::bid_too_young, [&] { w.wait(1'500); })
        .top();
    Ladder(w, "alice", JobCancel{id}).expect(Refusal::job_not_open);
    Ladder(w, "alice", JobTopup{id, Amount{1}}).expect(Refusal::job_not_open);
    Ladder(w, "alice", JobRaise{id, Price{40'000'000}}).expect(Refusal::job_not_open);
}

}  // namespace millrace::market::refusals
