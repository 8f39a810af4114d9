#include "node/mempool/mempool.hpp"

#include <algorithm>

#include "common/amount.hpp"

namespace millrace::node {

Status<MempoolRefusal> Mempool::add(market::CheckedTx tx) {
    const std::lock_guard lock(mutex_);
    if (by_hash_.contains(tx.hash())) return Err{MempoolRefusal::known};
    const LaneKey key{tx.sender(), tx.tx().nonce.lane};
    const std::uint64_t sequence = tx.tx().nonce.sequence;
    const market::CheckedTx* replaced = nullptr;
    if (const auto lane = lanes_.find(key); lane != lanes_.end())
        if (const auto same = lane->second.find(sequence); same != lane->second.end())
            replaced = &same->second;
    if (replaced != nullptr && tx.tx().tip <= replaced->tx().tip)
        return Err{MempoolRefusal::tip_too_low};
    // Every refusal comes before the first change: a replacement that does not fit leaves the old
    // one in its place.
    const std::uint64_t room = market::is_move(tx.tx().body)
                                   ? bytes_max_
                                   : bytes_max_ / kOrdinaryDenominator * kOrdinaryNumerator;
    const std::uint64_t kept = bytes_ - (replaced != nullptr ? replaced->size() : 0);
    if (kept + tx.size() > room) return Err{MempoolRefusal::full};
    if (replaced != nullptr) {
        erase(TxHash(replaced->hash()));
    } else if (const auto held = per_sender_.find(key.sender);
               held != per_sender_.end() && held->second >= kTxsPerSenderMax) {
        return Err{MempoolRefusal::sender_full};
    }
    ++per_sender_[key.sender];
    ++version_;
    bytes_ += tx.size();
    by_hash_.emplace(tx.hash(), std::pair(key, sequence));
    by_expiry_.emplace(tx.tx().expiry, tx.hash());
    lanes_[key].emplace(sequence, std::move(tx));
    return Ok{};
}

void Mempool::erase(const TxHash& hash) {
    const auto found = by_hash_.find(hash);
    const auto lane = lanes_.find(found->second.first);
    erase(lane, lane->second.find(found->second.second));
}

void Mempool::erase(std::map<LaneKey, Lane>::iterator lane, Lane::iterator tx) {
    const auto sender = per_sender_.find(lane->first.sender);
    --sender->second;
    if (sender->second == 0) per_sender_.erase(sender);
    ++version_;
    bytes_ -= tx->second.size();
    by_expiry_.erase({tx->second.tx().expiry, tx->second.hash()});
    by_hash_.erase(tx->second.hash());
    lane->second.erase(tx);
    if (lane->second.empty()) lanes_.erase(lane);
}

const market::CheckedTx* Mempool::at(const LaneKey& key, std::uint64_t sequence) const {
    const auto lane = lanes_.find(key);
    if (lane == lanes_.end()) return nullptr;
    const auto tx = lane->second.find(sequence);
    return tx == lane->second.end() ? nullptr : &tx->second;
}

namespace {

/// Whether it is worth asking the state for the class.
bool may_be_reserved(const market::TxBody& body) {
    return market::is_move(body) || std::holds_alternative<market::EvidenceVotes>(body);
}

}  // namespace

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
        const auto& [sequence, tx] = *lane.begin();
        heads.push_back(
            {key, sequence, may_be_reserved(tx.tx().body), tx.tx().tip.value, tx.size(), false});
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
                may_be_reserved(tx->tx().body) && is_reserved_(*tx),
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
        while (lane != lanes_.end() && lane->second.begin()->first <= tx.tx.nonce.sequence) {
            erase(lane, lane->second.begin());
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
    return lanes_.at(found->second.first).at(found->second.second);
}

std::uint64_t Mempool::next_sequence(const Address& sender, std::uint8_t lane,
                                     std::uint64_t next) const {
    const std::lock_guard lock(mutex_);
    const auto found = lanes_.find({sender, lane});
    if (found == lanes_.end()) return next;
    // At most kTxsPerSenderMax steps.
    for (auto tx = found->second.find(next); tx != found->second.end() && tx->first == next; ++tx)
        ++next;
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
