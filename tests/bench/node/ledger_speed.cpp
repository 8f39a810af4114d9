#include "tests/bench/node/ledger_speed.hpp"

#include <algorithm>

#include "market/ledger/ledger.hpp"
#include "market/state_root.hpp"
#include "node/chain/state_db.hpp"

namespace millrace::bench {

namespace {

SecretBytes<32> secret_of(std::uint64_t number) {
    std::array<std::uint8_t, 8> raw{};
    store_le(raw.data(), number);
    const Hash hash = hash_bytes("mill/test-golden", raw);
    return *SecretBytes<32>::from(hash.view());
}

}  // namespace

std::vector<Sender> make_senders(std::size_t count) {
    std::vector<Sender> out;
    for (std::size_t i = 0; i < count; ++i) {
        SecretBytes<32> secret = secret_of(i);
        const AccountKey key = AccountSecret::from(secret.view())->public_key();
        out.push_back({std::move(secret), key, to_address(key), 0});
    }
    std::sort(out.begin(), out.end(),
              [](const Sender& a, const Sender& b) { return a.address < b.address; });
    return out;
}

Founding::Founding(std::size_t sender_count)
    : senders(make_senders(sender_count)), vrf(secret_of(1U << 30U)), vote(secret_of(2U << 30U)) {
    genesis.name = std::string("bench");
    genesis.time = WallTime{1'800'000'000'000};
    genesis.params = market::Params::dev();
    for (const Sender& s : senders)
        genesis.allocations.push_back({s.address, Amount{1'000'000 * kNanoPerCredit}});
    const Ed25519Key peer = Ed25519Secret(secret_of(3U << 30U)).public_key();
    genesis.validators.push_back({senders.front().address, vote.public_key(), vrf.public_key(),
                                  peer, Amount{1'000 * kNanoPerCredit}});
    MILLRACE_ASSERT(market::check_genesis(genesis).has_value());
}

Chain::Chain(const std::filesystem::path& folder, const Founding& founding)
    : founding_(founding), signer_(founding.vote, founding.vrf) {
    auto opened = node::LedgerDb::open(folder);
    MILLRACE_ASSERT(opened.has_value());
    db = *std::move(opened);
    open();
}

void Chain::open() {
    executor.reset();
    auto made = node::Executor::open(
        {*db, mempool, clock, &signer_, [](const node::FinalBlockPtr&) {}, 0}, founding_.genesis);
    MILLRACE_ASSERT(made.has_value());
    executor = *std::move(made);
}

void Chain::add_accounts(std::uint64_t count) {
    constexpr std::uint64_t kBatch = 100'000;
    const node::DbState state(*db);
    market::ChainState chain = market::load_chain(state);
    for (std::uint64_t from = 0; from < count; from += kBatch) {
        market::StateWrites writes;
        for (std::uint64_t i = from; i < std::min(count, from + kBatch); ++i) {
            market::Account account;
            account.balance = Amount{kNanoPerCredit};
            chain.supply = market::plus(chain.supply, account.balance);
            writes[market::account_key(crowd_address(i)).bytes()] = encode(account);
        }
        writes[market::chain_key().bytes()] = encode(chain);
        plant(writes);
    }
}

void Chain::plant(const market::StateWrites& writes) {
    node::Head head = this->head();
    auto update = update_map(node::DbPages(*db), head.map, market::map_changes(writes));
    MILLRACE_ASSERT(update.has_value());
    head.map = update->root;
    std::vector<node::DbWrite> batch;
    for (const auto& [key, value] : writes) batch.push_back({node::Column::flat, key, value});
    for (auto& [id, page] : update->writes) batch.push_back({node::Column::pages, id.key(), page});
    node::BlockStore::put_head(batch, head);
    MILLRACE_ASSERT(db->commit(batch).has_value());
    // The executor has the head's root in memory: it reads it anew.
    open();
}

node::Head Chain::head() const {
    auto kept = node::BlockStore(*db).head();
    MILLRACE_ASSERT(kept.has_value() && kept->has_value());
    return **std::move(kept);
}

consensus::BlockPtr Chain::build() {
    const node::Head at = head();
    clock.wall = WallTime{at.time.value + 50};
    const auto built =
        executor->build({View{++view_}, {at.hash, at.height, at.time, false}, clock.wall});
    MILLRACE_ASSERT(built.has_value());
    const auto facts = node::MarketBlockReader().read(built->block);
    MILLRACE_ASSERT(facts.has_value());
    return std::make_shared<const consensus::Block>(consensus::Block{*facts, built->block});
}

void Chain::check(const consensus::BlockPtr& block) {
    consensus::CheckBlock wanted;
    wanted.block = block;
    MILLRACE_ASSERT(executor->check(wanted).verdict == consensus::Verdict::valid);
}

void Chain::finalize(const consensus::BlockPtr& block) {
    consensus::Finalize out;
    const consensus::BlockFacts& facts = block->facts;
    out.certificate.epoch = facts.epoch;
    out.certificate.subject =
        consensus::Subject::finalize(facts.view, {View{facts.view.value - 1}, facts.hash});
    out.blocks = {block};
    MILLRACE_ASSERT(executor->finalize(out).has_value());
    MILLRACE_ASSERT(executor->durable(node::Application::Wait::no).has_value());
}

void Chain::wait_durable() {
    MILLRACE_ASSERT(executor->durable(node::Application::Wait::all).has_value());
}

Address crowd_address(std::uint64_t number) {
    std::array<std::uint8_t, 8> raw{};
    store_le(raw.data(), number);
    const Hash hash = hash_bytes("mill/test-golden", raw);
    return *Address::from(hash.view().first(Address::kSize));
}

market::SignedTx transfer(const ChainId& chain, Sender& from, const Address& to, WallTime now) {
    market::Tx tx;
    tx.chain = chain;
    tx.sender = from.key;
    tx.nonce = {0, from.next++};
    tx.fee_max = Amount{kNanoPerCredit};
    tx.expiry = WallTime{now.value + 300'000};
    tx.body = market::Transfer{to, Amount{kNanoPerCredit / 100}, {}};
    const auto secret = AccountSecret::from(from.secret.view());
    return {tx, secret->sign(market::signing_hash(tx).view(), {})};
}

}  // namespace millrace::bench
