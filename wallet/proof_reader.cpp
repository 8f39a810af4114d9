#include "wallet/proof_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "consensus/messages.hpp"
#include "market/ledger/jobs.hpp"
#include "wallet/history.hpp"
#include "wallet/print.hpp"

namespace millrace::wallet {

namespace {

constexpr auto kHeadPoll = std::chrono::milliseconds(200);
/// The newest block is remembered so often at most, so that watching does not wear out a disk.
constexpr std::uint64_t kRememberEveryMs = 1'000;
/// Epochs that one run catches up with, some two years of hours. What it has learnt is kept, so the
/// next run goes on from there; without a bound, whoever held old keys could keep it busy for ever.
constexpr std::uint64_t kEpochsARun = 20'000;
/// Of these blocks one has a certificate of its own: blocks are finalized one by one unless the
/// network is in trouble, and then a few at a time.
constexpr std::uint64_t kBlocksWalked = 64;

template <class T>
Try<T> field(const boost::json::value& answer, std::string_view name) {
    const auto* object = answer.if_object();
    const auto* value = object == nullptr ? nullptr : object->if_contains(name);
    if (value != nullptr) {
        auto read = from_json<T>(*value);
        if (read.has_value()) return *std::move(read);
    }
    return Err{Failure{
        Exit::failed, fmt::format("the node's answer to chain_block is not understood: {}", name)}};
}

}  // namespace

// ---- proven rows ------------------------------------------------------------------------------

void ProvenState::want(ByteView key) const {
    Bytes wanted(key.begin(), key.end());
    if (rows_.contains(wanted)) return;
    wanted_.insert(std::move(wanted));
    if (wanted_.size() > market::kProofKeysMax) is_unprovable_ = true;
    ++missing_;
}

std::optional<Bytes> ProvenState::get(ByteView key) const {
    const auto found = rows_.find(Bytes(key.begin(), key.end()));
    if (found != rows_.end()) return found->second;
    want(key);
    return std::nullopt;
}

std::vector<market::StateEntry> ProvenState::scan(ByteView prefix, ByteView from,
                                                  std::size_t limit) const {
    std::vector<market::StateEntry> out;
    const bool is_chunks = prefix.size() == 1 + JobId::kSize && from.empty() &&
                           prefix[0] == static_cast<std::uint8_t>(market::Table::chunk);
    if (!is_chunks) {
        is_unprovable_ = true;
        return out;
    }
    const auto id = market::id_in_key<JobId>(prefix, 1);
    const auto job = market::load<market::Job>(*this, market::job_key(id));
    if (!job) return out;
    // Chunks from `fresh` on have no rows.
    if (job->fresh > market::kProofKeysMax) {
        is_unprovable_ = true;
        return out;
    }
    for (std::uint32_t i = 0; i < job->fresh && out.size() < limit; ++i) {
        const market::Key key = market::chunk_key(id, i);
        if (auto row = get(key)) out.push_back({key.bytes(), *std::move(row)});
    }
    return out;
}

void ProvenState::fill(std::map<Bytes, std::optional<Bytes>> rows) {
    rows_ = std::move(rows);
    missing_ = 0;
}

// ---- meeting a node ---------------------------------------------------------------------------

namespace {

/// A node that knows no proofs is not a liar, and not of use either.
template <class T>
Try<T> ask_for_proof(Client& client, std::string_view method, boost::json::object params) {
    constexpr int kMethodNotFound = -32601;
    Try<T> answer = client.ask<T>(method, std::move(params));
    if (answer.has_value() || answer.error().rpc_code != kMethodNotFound) return answer;
    return Err{Failure{Exit::unproven,
                       fmt::format("{} does not prove its answers, it knows no {}; ask another "
                                   "node with --node, or believe this one with --no-verify",
                                   client.url(), method)}};
}

}  // namespace

Failure ProofReader::wrong(std::string_view what, std::string_view how) const {
    return {Exit::unproven,
            fmt::format("the answer of {} is not believed ({}): {}; ask another node with --node, "
                        "and tell whoever runs this one",
                        client_.url(), what, how)};
}

Try<std::unique_ptr<ProofReader>> ProofReader::open(Client& client, TrustStore store,
                                                    TrustChoice choice, Ports ports) {
    std::unique_ptr<ProofReader> reader(
        new ProofReader(client, std::move(store), std::move(choice), std::move(ports)));
    MILLRACE_CHECK(reader->meet());
    return reader;
}

Try<Ok> ProofReader::meet() {
    MILLRACE_TRY(const std::optional<ChainId> pinned, store_.chain_of(client_.url()));
    std::optional<ChainId> chain = choice_.chain ? choice_.chain : pinned;
    if (!chain) {
        MILLRACE_TRY(const auto status, client_.ask<market::NodeStatus>("node_status"));
        chain = status.chain;
    }
    MILLRACE_TRY(auto known, store_.load(*chain));
    if (known) {
        trust_ = *std::move(known);
        saved_epoch_ = trust_.epoch;
        saved_time_ = trust_.head_time;
        MILLRACE_CHECK(check_staleness());
    } else {
        MILLRACE_CHECK(begin_anew(*chain));
    }
    is_checkpoint_seen_ = choice_.checkpoint && choice_.checkpoint == trust_.checkpoint;
    // Its first proof shows whether it is on this chain at all.
    ProvenState state;
    state.want(market::chain_key());
    MILLRACE_CHECK(fetch("its newest block", state));
    if (choice_.checkpoint && !is_checkpoint_seen_)
        return Err{wrong("the checkpoint",
                         "no epoch of its chain since the one that this wallet "
                         "knows ended with the block that --checkpoint names")};
    if (!known)
        ports_.note(
            fmt::format("First meeting with {}: chain {}, verified from its first block up to "
                        "block {} ({}). Compare this with another source: block {}",
                        client_.url(), short_hash(to_hex(trust_.chain.view())), trust_.height.value,
                        time_text(trust_.head_time), to_hex(trust_.head.view())));
    if (pinned != chain) return store_.pin(client_.url(), *chain);
    return Ok{};
}

Try<Ok> ProofReader::begin_anew(const ChainId& chain) {
    MILLRACE_TRY(const auto genesis, ask_for_proof<market::Genesis>(client_, "chain_genesis", {}));
    if (market::chain_id_of(genesis) != chain)
        return Err{wrong("the chain's first document",
                         fmt::format("it is not that of chain {}; if another is meant, name it "
                                     "with --chain",
                                     to_hex(chain.view())))};
    if (!market::check_genesis(genesis).has_value())
        return Err{wrong("the chain's first document", "no chain can begin with it")};
    trust_ = trust_of(genesis);
    return Ok{};
}

Try<Ok> ProofReader::check_staleness() {
    if (!is_stale(trust_, ports_.now()) || choice_.checkpoint) return Ok{};
    return Err{Failure{
        Exit::unproven,
        fmt::format("what this wallet knows of chain {0} is of {1}, longer ago than validators can "
                    "be punished for what they sign, so that former ones could show it a false "
                    "chain. Take the hash of a block that ended an epoch since then from a source "
                    "that you trust (`millrace chain status` of somebody who was there prints it "
                    "as \"checkpoint\") and give it with --checkpoint HASH",
                    short_hash(to_hex(trust_.chain.view())), time_text(trust_.since))}};
}

Try<Ok> ProofReader::remember() {
    const bool is_due = trust_.epoch != saved_epoch_ || saved_time_.value == 0 ||
                        trust_.head_time.value >= saved_time_.value + kRememberEveryMs;
    // What hangs on a checkpoint is not kept before it was seen.
    if (!is_due || (choice_.checkpoint && !is_checkpoint_seen_)) return Ok{};
    MILLRACE_CHECK(store_.save(trust_));
    saved_epoch_ = trust_.epoch;
    saved_time_ = trust_.head_time;
    return Ok{};
}

Try<Ok> ProofReader::catch_up(Epoch epoch) {
    // A checkpoint may be newer than what the newest block needs.
    const auto is_needed = [&] {
        return epoch > next(trust_.epoch) || (choice_.checkpoint && !is_checkpoint_seen_);
    };
    std::uint64_t moved = 0;
    while (is_needed()) {
        MILLRACE_TRY(const auto page,
                     (ask_for_proof<BoundedVector<market::Handover, market::kHandoversMax>>(
                         client_, "chain_handovers", {{"from", trust_.epoch.value}})));
        if (page.empty() && epoch <= next(trust_.epoch)) return Ok{};
        if (page.empty()) return Err{wrong("who validates", sentence(ProofFault::epoch_ahead))};
        for (const market::Handover& handover : page) {
            if (!is_needed()) break;
            if (const auto good = advance(trust_, handover); !good.has_value())
                return Err{wrong(fmt::format("who validates in epoch {}", trust_.epoch.value + 2),
                                 sentence(good.error()))};
            is_checkpoint_seen_ = is_checkpoint_seen_ || choice_.checkpoint == trust_.checkpoint;
            ++moved;
        }
        MILLRACE_CHECK(remember());
        if (moved >= kEpochsARun)
            return Err{Failure{Exit::unproven,
                               fmt::format("the chain is {} epochs ahead of what this wallet knew; "
                                           "the same command again goes on from where this one "
                                           "stopped",
                                           moved)}};
    }
    return Ok{};
}

// ---- reading ----------------------------------------------------------------------------------

Try<Ok> ProofReader::fetch(std::string_view what, ProvenState& state) {
    boost::json::array keys;
    for (const Bytes& key : state.wanted()) keys.emplace_back(to_hex(key));
    const auto deadline = std::chrono::steady_clock::now() + ports_.patience;
    const Epoch first = trust_.epoch;
    for (;;) {
        MILLRACE_TRY(const auto answer,
                     ask_for_proof<market::ProvenRows>(client_, "state_proofs", {{"keys", keys}}));
        const market::BlockHeader& header = answer.header;
        const bool is_late = std::chrono::steady_clock::now() > deadline;
        // Nobody votes for the first block of all; the next is a moment away.
        if (header.height.value == 0 && !is_late) {
            std::this_thread::sleep_for(kHeadPoll);
            continue;
        }
        if (header.chain != trust_.chain)
            return Err{Failure{
                Exit::unproven,
                fmt::format("{} is on chain {}, and this wallet knows it as a node of chain {}; if "
                            "that chain was begun anew, or another is meant, name it with --chain",
                            client_.url(), to_hex(header.chain.view()),
                            to_hex(trust_.chain.view()))}};
        MILLRACE_CHECK(catch_up(header.epoch));
        // Its epoch ended while the checkpoint was looked for, and this may be the very block that
        // ended it: the next one is a moment away, and of the epoch that is known.
        if (header.epoch >= first && header.epoch < trust_.epoch && !is_late) {
            std::this_thread::sleep_for(kHeadPoll);
            continue;
        }
        std::optional<Bytes> certificate;
        if (answer.certificate) certificate = Bytes(*answer.certificate);
        if (const auto good = check_header(trust_, header, certificate); !good.has_value())
            return Err{wrong(what, sentence(good.error()))};
        const auto taken = take_head(trust_, header, ports_.now());
        if (!taken.has_value() && taken.error() == ProofFault::head_old && !is_late) {
            std::this_thread::sleep_for(kHeadPoll);
            continue;
        }
        if (!taken.has_value()) return Err{wrong(what, sentence(taken.error()))};
        if (answer.rows.size() != state.wanted().size())
            return Err{wrong(what, sentence(ProofFault::row_count_differs))};
        std::map<Bytes, std::optional<Bytes>> rows;
        std::size_t i = 0;
        for (const Bytes& key : state.wanted()) {
            const market::ProvenRow& row = answer.rows[i++];
            if (const auto good = check_row(header.state_root, key, row); !good.has_value())
                return Err{wrong(what, sentence(good.error()))};
            rows.emplace(key, row.value ? std::optional<Bytes>(*row.value) : std::nullopt);
        }
        state.fill(std::move(rows));
        return remember();
    }
}

Try<Ok> ProofReader::check_receipt(Height height, std::uint32_t index,
                                   const market::Receipt& receipt) {
    const std::string what = fmt::format("what became of transaction {}",
                                         short_hash(to_hex(receipt.transaction.view())));
    std::optional<BlockHash> parent;
    for (std::uint64_t i = 0; i < kBlocksWalked; ++i) {
        MILLRACE_TRY(const boost::json::value answer,
                     client_.call("chain_block", {{"height", height.value + i}}));
        MILLRACE_TRY(const auto header, field<market::BlockHeader>(answer, "header"));
        if (header.height.value != height.value + i || (parent && header.parent != *parent))
            return Err{wrong(what, "its blocks do not follow each other")};
        if (i == 0) {
            MILLRACE_TRY(const auto receipts,
                         field<std::vector<market::Receipt>>(answer, "receipts"));
            if (market::receipts_root(receipts) != header.receipts_root ||
                index >= receipts.size() || !(receipts[index] == receipt))
                return Err{wrong(what, "the block that it names has another receipt")};
        }
        parent = market::block_hash(header);
        MILLRACE_TRY(const auto certificate,
                     field<std::optional<consensus::Certificate>>(answer, "certificate"));
        if (!certificate) continue;
        MILLRACE_CHECK(catch_up(header.epoch));
        const auto good = check_header(trust_, header, encode(*certificate));
        if (!good.has_value()) return Err{wrong(what, sentence(good.error()))};
        return Ok{};
    }
    return Err{wrong(what, sentence(ProofFault::certificate_missing))};
}

}  // namespace millrace::wallet
