#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "common/rng.hpp"
#include "market/block/apply.hpp"
#include "market/ledger/ledger.hpp"
#include "market/ledger/queues.hpp"
#include "market/ledger/tables.hpp"
#include "market/ledger/validators.hpp"
#include "market/query.hpp"
#include "market/state_root.hpp"

/// A whole chain in memory for tests of the ledger: its validators, named accounts, blocks on
/// demand. Every block is applied, checked again as a stranger would, and audited: the sum of all
/// money is the supply, and the root is that of a tree built anew.
namespace millrace::market {

/// The state's map pages in memory, and the root after a block.
class MemoryMap final : public MapPageStore, public StateCommitter {
  public:
    [[nodiscard]] std::optional<Bytes> get(const MapPageId& id) const override {
        const auto found = pages_.find(id);
        if (found == pages_.end()) return std::nullopt;
        return found->second;
    }
    [[nodiscard]] StateRoot root_after(const StateWrites& writes) const override {
        return to_state_root(update(writes).root);
    }
    void apply(const StateWrites& writes) {
        MapUpdate done = update(writes);
        root_ = done.root;
        for (auto& [id, page] : done.writes) {
            if (page)
                pages_.insert_or_assign(id, *page);
            else
                pages_.erase(id);
        }
    }
    [[nodiscard]] StateRoot root() const { return to_state_root(root_); }
    [[nodiscard]] const MapRoot& map_root() const { return root_; }

  private:
    [[nodiscard]] MapUpdate update(const StateWrites& writes) const {
        auto done = update_map(*this, root_, map_changes(writes));
        REQUIRE(done.has_value());
        return *std::move(done);
    }
    std::map<MapPageId, Bytes> pages_;
    MapRoot root_;
};

/// An account of a test, made from its name.
struct Person {
    std::string name;
    std::array<std::uint8_t, 32> seed{};
    AccountKey key;
    Address address;
    std::map<std::uint8_t, std::uint64_t> next;
};

inline SecretBytes<32> secret_from(std::string_view name) {
    const Hash h = hash_bytes("mill/test-golden", as_bytes(name));
    return *SecretBytes<32>::from(h.view());
}

inline Person make_person(const std::string& name) {
    Person p;
    p.name = name;
    const Hash h = hash_bytes("mill/test-golden", as_bytes(name));
    p.seed = h.bytes;
    p.key = AccountSecret::from(h.view())->public_key();
    p.address = to_address(p.key);
    return p;
}

inline constexpr Amount credits(std::uint64_t n) {
    return Amount{n * kNanoPerCredit};
}

/// Sums every place where money can be.
inline Amount all_money(const StateReader& state) {
    Amount sum;
    const auto each = [&](Table table, auto use) {
        for (const StateEntry& e : state.scan(Key(table), {}, SIZE_MAX)) use(ByteView(e.value));
    };
    each(Table::account, [&](ByteView v) { sum = plus(sum, decode_state<Account>(v).balance); });
    each(Table::validator, [&](ByteView raw) {
        const auto v = decode_state<Validator>(raw);
        sum = plus(sum, v.stake);
        for (const ValidatorUnbonding& u : v.unbonding) sum = plus(sum, u.amount);
    });
    each(Table::provider, [&](ByteView v) {
        const auto p = decode_state<Provider>(v);
        CHECK(p.locked <= p.stake);
        sum = plus(sum, p.stake);
        for (const Unbonding& u : p.unbonding) sum = plus(sum, u.amount);
    });
    each(Table::job, [&](ByteView v) {
        const auto j = decode_state<Job>(v);
        for (const Amount part : {j.escrow, j.retention, j.rent, j.spare}) sum = plus(sum, part);
    });
    each(Table::lease, [&](ByteView v) {
        const auto l = decode_state<Lease>(v);
        sum = plus(plus(sum, l.escrow), l.retention);
    });
    return sum;
}

class World {
  public:
    explicit World(Params params = Params::dev(), bool faucet = true,
                   const std::vector<std::string>& validators = {"validator"}) {
        genesis_.name = std::string("test");
        genesis_.time = WallTime{1'800'000'000'000};
        genesis_.params = params;
        genesis_.faucet = faucet;
        for (const char* name : {"alice", "bob", "carol", "dave", "erin", "frank"})
            people_.emplace(name, make_person(name));
        people_.emplace("validator", make_person("validator"));
        for (const std::string& name : validators) people_.emplace(name, make_person(name));
        people_.emplace("stranger", make_person("stranger"));
        std::map<Address, Amount> sorted;
        for (auto& [name, p] : people_)
            if (name != "stranger") sorted[p.address] = credits(100'000);
        for (const auto& [a, amount] : sorted) genesis_.allocations.push_back({a, amount});
        for (const std::string& name : validators) {
            const ValidatorKeySet keys =
                name == "validator" ? make_keys(name, "") : make_keys(name, " of " + name);
            genesis_.validators.push_back(
                {person(name).address, keys.vote_key, keys.vrf_key, keys.peer_key, credits(1'000)});
        }
        REQUIRE(check_genesis(genesis_).has_value());
        const StateWrites writes = genesis_writes(genesis_);
        head_ = genesis_header(genesis_, map);
        state.apply(writes);
        map.apply(writes);
        audit();
    }

    [[nodiscard]] Person& person(const std::string& name) { return people_.at(name); }
    [[nodiscard]] Address address(const std::string& name) { return person(name).address; }
    [[nodiscard]] const Genesis& genesis() const { return genesis_; }
    [[nodiscard]] ChainId chain() const { return chain_id_of(genesis_); }
    [[nodiscard]] const BlockHeader& head() const { return head_; }
    [[nodiscard]] const Params& params() const { return genesis_.params; }
    [[nodiscard]] ChainState chain_state() const { return load_chain(state); }
    [[nodiscard]] const std::vector<Event>& events() const { return events_; }
    [[nodiscard]] Amount balance(const std::string& name) {
        const auto view = account_view(state, address(name));
        return view ? view->balance : Amount{};
    }

    /// The transaction that this account would send next in a lane.
    Tx next_tx(const std::string& from, TxBody body, std::uint8_t lane = 0) {
        Person& p = person(from);
        Tx tx;
        tx.chain = chain();
        tx.sender = p.key;
        tx.nonce = {lane, p.next[lane]};
        tx.fee_max = credits(1);
        tx.expiry = WallTime{head_.time.value + 600'000};
        tx.body = std::move(body);
        return tx;
    }
    SignedTx sign(const std::string& from, const Tx& tx) {
        const auto secret = AccountSecret::from(ByteView(person(from).seed));
        return {tx, secret->sign(signing_hash(tx).view(), {})};
    }
    CheckedTx checked(const SignedTx& tx) {
        auto out = check_tx(tx, chain(), params());
        REQUIRE(out.has_value());
        return *std::move(out);
    }
    /// Puts a transaction into the next block.
    void queue(const std::string& from, TxBody body, std::uint8_t lane = 0) {
        waiting_.push_back(checked(sign(from, next_tx(from, std::move(body), lane))));
        ++person(from).next[lane];
    }

    /// Makes a block with what waits, `ms` after the last one.
    std::vector<Receipt> block(std::uint64_t ms = 100) {
        BlockInput input = next_input(ms);
        input.transactions = std::exchange(waiting_, {});
        input.votes = choose_votes(state, input, std::exchange(heard_, {}));
        auto outcome = apply_block(state, map, input);
        REQUIRE(outcome.has_value());
        auto again = check_block(state, map, outcome->header, input.transactions, input.votes);
        REQUIRE(again.has_value());
        CHECK(again->writes == outcome->writes);
        last_block_ = Block{};
        last_block_.header = outcome->header;
        for (const CheckedTx& tx : input.transactions)
            last_block_.transactions.push_back(tx.signed_tx());
        last_outcome_ = *outcome;
        accept(*outcome);
        return outcome->receipts;
    }
    /// The newest block that `block` made, and what came of it.
    [[nodiscard]] const Block& last_block() const { return last_block_; }
    [[nodiscard]] const BlockOutcome& last_outcome() const { return last_outcome_; }
    void accept(const BlockOutcome& outcome) {
        state.apply(outcome.writes);
        map.apply(outcome.writes);
        head_ = outcome.header;
        CHECK(map.root() == head_.state_root);
        events_.insert(events_.end(), outcome.events.begin(), outcome.events.end());
        audit();
    }
    BlockInput next_input(std::uint64_t ms) {
        BlockInput input;
        input.parent = block_hash(head_);
        input.time = WallTime{head_.time.value + ms};
        input.view = View{++views_};
        input.proposer = proposer_ ? index_of(*proposer_).value_or(0) : std::uint16_t{0};
        const SetMember member = load_validators(state).at(input.proposer);
        input.beacon_proof = VrfSecret(secret_from(seeds_.at(member.vrf_key.bytes)))
                                 .prove(beacon_input(chain(), chain_state().beacon).view());
        return input;
    }

    // ---- validators -------------------------------------------------------------------------
    /// Who proposes from here on, where it is in the running set; else its first member does.
    void let_propose(const std::string& name) { proposer_ = name; }
    /// Keys out of a seed, with their proofs for this owner.
    ValidatorKeySet make_keys(const std::string& owner, const std::string& seed) {
        const Ed25519Secret vote(secret_from("vote" + seed));
        const VrfSecret vrf(secret_from("vrf" + seed));
        const Ed25519Secret peer(secret_from("peer" + seed));
        ValidatorKeySet keys;
        keys.vote_key = vote.public_key();
        keys.vrf_key = vrf.public_key();
        keys.peer_key = peer.public_key();
        const Hash statement = validator_keys_hash(chain(), address(owner), keys);
        keys.vote_proof = vote.sign(statement.view());
        keys.peer_proof = peer.sign(statement.view());
        seeds_[keys.vote_key.bytes] = "vote" + seed;
        seeds_[keys.vrf_key.bytes] = "vrf" + seed;
        return keys;
    }
    ValidatorRegister validator_registration(const std::string& name, Amount stake) {
        return {address(name), address(name), make_keys(name, " of " + name), stake};
    }
    /// The view of the last block.
    [[nodiscard]] std::uint64_t view() const { return views_; }
    /// Its place in the running set.
    std::optional<std::uint16_t> index_of(const std::string& name) {
        const auto members = load_validators(state);
        for (std::uint16_t i = 0; i < members.size(); ++i)
            if (members[i].owner == address(name)) return i;
        return std::nullopt;
    }
    Vote vote_of(Epoch epoch, std::uint16_t signer, const Subject& subject) {
        const EpochSet set = *find_epoch_set(state, epoch);
        const Ed25519Secret secret(secret_from(seeds_.at(set.members.at(signer).vote_key.bytes)));
        const ChainId domain = vote_domain(chain(), set.recovery);
        return {epoch, subject, ValidatorIndex{signer},
                secret.sign(signed_bytes(domain, epoch, subject))};
    }
    /// The next block's leader has heard this member of the running set.
    void hear(std::uint16_t signer) {
        heard_.push_back(vote_of(chain_state().epoch, signer, Subject::nullify(View{views_})));
    }
    Validator validator(const std::string& name) {
        const auto v = load<Validator>(state, validator_key(address(name)));
        REQUIRE(v.has_value());
        return *v;
    }
    /// When a member of the running set last showed a sign of life.
    ActiveTime load_last(std::uint16_t index) {
        return load<Attendance>(state, attendance_key())->last.at(index);
    }
    /// Blocks until the epoch is over.
    void end_epoch() {
        const Epoch epoch = chain_state().epoch;
        while (chain_state().epoch == epoch) block(3'000);
    }
    /// Sends one transaction in a block of its own.
    Refusal send(const std::string& from, TxBody body, std::uint64_t ms = 100) {
        queue(from, std::move(body));
        const auto receipts = block(ms);
        REQUIRE(receipts.size() == 1);
        return receipts.front().refusal;
    }
    void must(const std::string& from, TxBody body) {
        const Refusal refusal = send(from, std::move(body));
        CAPTURE(std::string(enum_name(refusal)));
        REQUIRE(refusal == Refusal::none);
    }
    /// Blocks without transactions for at least so long.
    void wait(std::uint64_t ms, std::uint64_t step = 100) {
        for (std::uint64_t gone = 0; gone < ms; gone += step) block(step);
    }

    /// The sum of all money is the supply; burnt and issued account for its changes.
    void audit() const {
        const ChainState chain = load_chain(state);
        CHECK(all_money(state) == chain.supply);
        Amount founded;
        for (const auto& a : genesis_.allocations) founded = plus(founded, a.amount);
        for (const auto& v : genesis_.validators) founded = plus(founded, v.stake);
        CHECK(plus(chain.supply, chain.burnt) == plus(founded, chain.issued));
    }
    /// The root of a tree built anew from all entries.
    [[nodiscard]] StateRoot rebuilt_root() const {
        std::vector<MapLeaf> leaves;
        for (const auto& [key, value] : state.entries())
            leaves.push_back({map_path(key), map_value_hash(value)});
        std::sort(leaves.begin(), leaves.end(),
                  [](const MapLeaf& a, const MapLeaf& b) { return a.path < b.path; });
        return to_state_root(build_map_root(leaves));
    }

    // ---- what most tests begin with ---------------------------------------------------------
    [[nodiscard]] ImageRoot image(std::string_view name = "program") const {
        return hash_as<ImageRoot>(hash_bytes("mill/test-golden", as_bytes(name)));
    }
    ModulePublish publication(std::string_view name = "program") {
        ModulePublish body;
        body.statement = {chain(),
                          chain_state().epoch,
                          hash_as<BlobRoot>(hash_bytes("mill/test-golden",
                                                       as_bytes(std::string(name) + ".wasm"))),
                          image(name),
                          100'000,
                          0,
                          1};
        body.life_ms = 100ULL * 86'400'000;
        return signed_again(body);
    }
    /// With the signature that belongs under its statement.
    ModulePublish signed_again(ModulePublish body) {
        body.signatures = {{0, Ed25519Secret(secret_from("vote"))
                                   .sign(module_statement_hash(body.statement).view())}};
        return body;
    }
    /// Writes rows past the rules: what a long history would have left.
    void plant(const StateWrites& writes) {
        state.apply(writes);
        map.apply(writes);
    }
    ProviderRegister registration(const std::string& name, std::uint64_t price = 10'000'000,
                                  std::uint32_t slots = 2) {
        ProviderRegister body;
        body.operator_account = address(name);
        body.payout_account = address(name);
        body.vrf_key = VrfSecret(secret_from("vrf of " + name)).public_key();
        body.endpoint = std::string("127.0.0.1:4000");
        body.stake = credits(1'000);
        body.ask.steps = {{Price{price}, slots}};
        body.ask.task_gas_max = Gas{kTaskGasMax};
        body.ask.task_bytes_max = 1ULL << 40U;
        return body;
    }
    JobSpec job_spec(std::uint32_t tasks = 1) {
        JobSpec spec;
        spec.image = image();
        spec.tasks = tasks;
        spec.task_gas = Gas{1'000'000'000};
        spec.output_bytes_max = 1U << 20U;
        spec.limit = Price{20'000'000};
        spec.window_ms = 400;
        spec.life_ms = 600'000;
        return spec;
    }
    /// The id of the job that this account's next transaction would post.
    JobId next_job(const std::string& from, std::uint8_t lane = 0) {
        return job_id_of(chain(), address(from), {lane, person(from).next[lane]});
    }
    /// Blocks until the provider has so many leases.
    std::vector<LeaseView> await_leases(const std::string& provider, std::size_t count) {
        for (int i = 0; i < 100; ++i) {
            auto leases = provider_leases(state, address(provider), 1'000);
            if (leases.size() >= count) return leases;
            block();
        }
        FAIL("no leases for " << provider);
        return {};
    }
    static Claim make_claim(std::uint32_t task, Gas gas) {
        Claim c;
        c.task = task;
        c.boundary_count = 2;
        c.gas = gas;
        c.final_root.bytes[0] = static_cast<std::uint8_t>(task);
        return c;
    }
    LeaseReveal make_reveal(const LeaseView& lease, Gas gas, std::uint8_t variant = 0) {
        LeaseReveal reveal;
        reveal.lease = lease.id;
        reveal.salt.bytes[0] = 7;
        for (std::uint32_t i = 0; i < lease.tasks; ++i) {
            Claim c = make_claim(lease.first_task + i, gas);
            c.final_root.bytes[1] = variant;
            reveal.claims.push_back(c);
        }
        return reveal;
    }
    LeaseCommit make_commit(const LeaseReveal& reveal, const ProviderId& provider) {
        return {reveal.lease, make_commitment(chain(), reveal.lease, provider,
                                              claims_root(reveal.claims), reveal.salt)};
    }

    MemoryState state;
    MemoryMap map;

  private:
    Genesis genesis_;
    /// What secret belongs to a public key.
    std::map<std::array<std::uint8_t, 32>, std::string> seeds_;
    std::optional<std::string> proposer_;
    std::uint64_t views_ = 0;
    std::map<std::string, Person> people_;
    BlockHeader head_;
    std::vector<CheckedTx> waiting_;
    std::vector<Vote> heard_;
    std::vector<Event> events_;
    Block last_block_;
    BlockOutcome last_outcome_;
};

}  // namespace millrace::market
