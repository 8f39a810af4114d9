#include "node/mempool/mempool.hpp"

#include <algorithm>

#include "common/amount.hpp"
#include "market/block/fees.hpp"

namespace millrace::node {

Status<MempoolRefusal> Mempool::add(market::CheckedTx tx, Standing standing) {
    const std::lock_guard lock(mutex_);
    if (by_hash_.contains(tx.hash())) return Err{MempoolRefusal::known};
    const LaneKey key{tx.sender(), tx.tx().nonce.lane};
    const std::uint64_t sequence = tx.tx().nonce.sequence;
    auto lane = lanes_.find(key);
    if (lane != lanes_.end()) set_next(lane, standing.next);
    const market::CheckedTx* replaced = lane != lanes_.end() ? at(key, sequence) : nullptr;
    if (replaced != nullptr && tx.tx().tip <= replaced->tx().tip)
        return Err{MempoolRefusal::tip_too_low};
    // Every refusal comes before the first change: a replacement that does not fit leaves the old
    // one in its place.
    const std::uint64_t old_size = replaced != nullptr ? replaced->size() : 0;
    const auto held = per_sender_.find(key.sender);
    if (held != per_sender_.end()) {
        const bool is_one_more = replaced == nullptr;
        if ((is_one_more && held->second.transactions >= kTxsPerSenderMax) ||
            held->second.bytes - old_size + tx.size() > kBytesPerSenderMax)
            return Err{MempoolRefusal::sender_full};
    }
    const std::uint64_t room =
        standing.is_reserved ? bytes_max_ : bytes_max_ / kOrdinaryDenominator * kOrdinaryNumerator;
    const bool waits = sequence > (lane != lanes_.end() ? lane->second.missing : standing.next);
    const std::uint64_t gives_way = waits ? 0 : waiting_bytes_;
    if (bytes_ - old_size - gives_way + tx.size() > room) return Err{MempoolRefusal::full};
    while (bytes_ - old_size + tx.size() > room) {
        const auto [other, at_sequence] = waiting_.begin()->second;
        const auto its_lane = lanes_.find(other);
        erase(its_lane, its_lane->second.txs.find(at_sequence));
    }
    // Only now: what follows the old one would wait without it, and give way.
    if (replaced != nullptr) erase(TxHash(replaced->hash()));
    Held& mine = per_sender_[key.sender];
    ++mine.transactions;
    mine.bytes += tx.size();
    ++version_;
    bytes_ += tx.size();
    by_hash_.emplace(tx.hash(), std::pair(key, sequence));
    by_expiry_.emplace(tx.tx().expiry, tx.hash());
    // The lane may have ended with what was replaced or gave way.
    lane = lanes_.try_emplace(key, Lane{{}, standing.next, standing.next}).first;
    Lane& own = lane->second;
    const auto kept = own.txs.emplace(sequence, Entry{std::move(tx), ++arrivals_}).first;
    if (sequence > own.missing) begin_wait(key, sequence, kept->second);
    move_missing_up(own);
    return Ok{};
}

void Mempool::begin_wait(const LaneKey& key, std::uint64_t sequence, const Entry& entry) {
    waiting_.emplace(entry.arrival, std::pair(key, sequence));
    waiting_bytes_ += entry.tx.size();
}

void Mempool::end_wait(const Entry& entry) {
    if (waiting_.erase(entry.arrival) != 0) waiting_bytes_ -= entry.tx.size();
}

void Mempool::move_missing_up(Lane& lane) {
    for (auto tx = lane.txs.find(lane.missing); tx != lane.txs.end() && tx->first == lane.missing;
         ++tx) {
        end_wait(tx->second);
        ++lane.missing;
    }
}

void Mempool::set_next(Lanes::iterator lane, std::uint64_t next) {
    Lane& own = lane->second;
    if (next <= own.next) return;
    own.next = next;
    if (next <= own.missing) return;
    // What lies below goes with the block that used its sequence.
    for (auto tx = own.txs.lower_bound(own.missing); tx != own.txs.end() && tx->first < next; ++tx)
        end_wait(tx->second);
    own.missing = next;
    move_missing_up(own);
}

void Mempool::erase(const TxHash& hash) {
    const auto found = by_hash_.find(hash);
    const auto lane = lanes_.find(found->second.first);
    erase(lane, lane->second.txs.find(found->second.second));
}

void Mempool::erase(Lanes::iterator lane, std::map<std::uint64_t, Entry>::iterator tx) {
    Lane& own = lane->second;
    const market::CheckedTx& gone = tx->second.tx;
    const std::uint64_t sequence = tx->first;
    const auto sender = per_sender_.find(lane->first.sender);
    sender->second.bytes -= gone.size();
    if (--sender->second.transactions == 0) per_sender_.erase(sender);
    ++version_;
    bytes_ -= gone.size();
    by_expiry_.erase({gone.tx().expiry, gone.hash()});
    by_hash_.erase(gone.hash());
    end_wait(tx->second);
    // Those that followed it wait for it now.
    if (sequence >= own.next && sequence < own.missing) {
        for (auto later = std::next(tx); later != own.txs.end() && later->first < own.missing;
             ++later)
            begin_wait(lane->first, later->first, later->second);
        own.missing = sequence;
    }
    own.txs.erase(tx);
    if (own.txs.empty()) lanes_.erase(lane);
}

const market::CheckedTx* Mempool::at(const LaneKey& key, std::uint64_t sequence) const {
    const auto lane = lanes_.find(key);
    if (lane == lanes_.end()) return nullptr;
    const auto tx = lane->second.txs.find(sequence);
    return tx == lane->second.txs.end() ? nullptr : &tx->second.tx;
}

/// The key decides last, so that the order is total.
bool Mempool::Walk::IsBehind::operator()(const Head& a, const Head& b) const {
    if (a.is_reserved != b.is_reserved) return b.is_reserved;
    const Uint128 left = Uint128{a.tip} * b.size;
    const Uint128 right = Uint128{b.tip} * a.size;
    if (left != right) return left < right;
    return b.key < a.key;
}

Mempool::Walk::Walk(const Mempool& mempool, NextOf next_of, IsReserved is_reserved)
    : mempool_(mempool), next_of_(std::move(next_of)), is_reserved_(std::move(is_reserved)) {
    const std::lock_guard lock(mempool_.mutex_);
    // The state is asked only when a lane's turn comes: a block reads what it may take, not all.
    std::vector<Head> heads;
    heads.reserve(mempool_.lanes_.size());
    for (const auto& [key, lane] : mempool_.lanes_) {
        const auto& [sequence, entry] = *lane.txs.begin();
        const market::CheckedTx& tx = entry.tx;
        heads.push_back({key, sequence, market::may_be_reserved(tx.tx().body), tx.tx().tip.value,
                         tx.size(), false});
    }
    heads_ = decltype(heads_)(IsBehind{}, std::move(heads));
}

/// What the state says of a lane's transaction; none where it is not here. With the mempool locked.
std::optional<Mempool::Walk::Head> Mempool::Walk::judged(const LaneKey& key,
                                                         std::uint64_t sequence) const {
    const market::CheckedTx* tx = mempool_.at(key, sequence);
    if (tx == nullptr) return std::nullopt;
    return Head{key,
                sequence,
                market::may_be_reserved(tx->tx().body) && is_reserved_(*tx),
                tx->tx().tip.value,
                tx->size(),
                true};
}

const market::CheckedTx* Mempool::Walk::next() {
    const std::lock_guard lock(mempool_.mutex_);
    while (!heads_.empty() && misses_ < kMissesMax && refused_ < kRefusedMax) {
        const Head head = heads_.top();
        heads_.pop();
        if (!head.is_next) {
            if (const auto real = judged(head.key, next_of_(head.key.sender, head.key.lane)))
                heads_.push(*real);
            continue;
        }
        const market::CheckedTx* tx = mempool_.at(head.key, head.sequence);
        if (tx == nullptr) continue;  // it left meanwhile
        last_ = head;
        current_ = *tx;
        return &*current_;
    }
    return nullptr;
}

void Mempool::Walk::tell(Fate fate) {
    // A lane ends with the first that does not go in; others may have smaller or better ones.
    if (fate == Fate::no_room) ++misses_;
    if (fate == Fate::refused) ++refused_;
    if (fate != Fate::added) return;
    const std::lock_guard lock(mempool_.mutex_);
    if (const auto follows = judged(last_.key, last_.sequence + 1)) heads_.push(*follows);
}

void Mempool::remove_final(const std::vector<market::SignedTx>& transactions) {
    const std::lock_guard lock(mutex_);
    for (const market::SignedTx& tx : transactions) {
        const LaneKey key{to_address(tx.tx.sender), tx.tx.nonce.lane};
        auto lane = lanes_.find(key);
        if (lane != lanes_.end()) set_next(lane, tx.tx.nonce.sequence + 1);
        while (lane != lanes_.end() && lane->second.txs.begin()->first <= tx.tx.nonce.sequence) {
            erase(lane, lane->second.txs.begin());
            lane = lanes_.find(key);
        }
    }
}

void Mempool::drop(const std::vector<TxHash>& dead) {
    const std::lock_guard lock(mutex_);
    for (const TxHash& hash : dead)
        if (by_hash_.contains(hash)) erase(hash);
}

void Mempool::drop_expired(WallTime time) {
    const std::lock_guard lock(mutex_);
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= time)
        erase(TxHash(by_expiry_.begin()->second));
}

bool Mempool::contains(const TxHash& hash) const {
    const std::lock_guard lock(mutex_);
    return by_hash_.contains(hash);
}

std::optional<market::CheckedTx> Mempool::find(const TxHash& hash) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return std::nullopt;
    return *at(found->second.first, found->second.second);
}

std::uint64_t Mempool::next_sequence(const Address& sender, std::uint8_t lane,
                                     std::uint64_t next) const {
    const std::lock_guard lock(mutex_);
    const auto found = lanes_.find({sender, lane});
    if (found == lanes_.end()) return next;
    // At most kTxsPerSenderMax steps.
    const auto& txs = found->second.txs;
    for (auto tx = txs.find(next); tx != txs.end() && tx->first == next; ++tx) ++next;
    return next;
}

std::uint64_t Mempool::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

Mempool::Usage Mempool::usage() const {
    const std::lock_guard lock(mutex_);
    return {by_hash_.size(), bytes_};
}

}  // namespace millrace::node
