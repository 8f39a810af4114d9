#include "node/blobs/arrival.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/codec.hpp"
#include "common/page_tree.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace {

constexpr unsigned kMode = 0644;
/// Chunks that one call reads from this machine's disk, 64 MiB: a call is answered in a moment.
constexpr std::uint32_t kLookChunksMax = 64;

/// Stretches of chunks that are not here.
template <class Chunks>
std::vector<ChunkSpan> spans_of(const Chunks& chunks) {
    using Chunk = typename Chunks::value_type;
    std::vector<ChunkSpan> out;
    for (std::uint32_t i = 0; i < chunks.size(); ++i) {
        if (chunks[i] == Chunk::here) continue;
        if (!out.empty() && out.back().first + out.back().count == i)
            ++out.back().count;
        else
            out.push_back({i, 1});
    }
    return out;
}

Hash chunk_root(ByteView bytes) {
    PageTreeHasher hasher(kChunkLevels);
    MILLRACE_ASSERT(hasher.push(bytes));
    return hasher.finish();
}

}  // namespace

Result<BlobStore::ArrivalPtr> BlobStore::arrival_of(const BlobId& id, const ChunkList& list) {
    {
        Lock lock(mutex_);
        wait_until_gone(lock, id);
        if (const auto known = arrivals_.find(id); known != arrivals_.end()) {
            touch(id, known->second->last_use);
            MILLRACE_CHECK(known->second->enter());
            return known->second;
        }
        MILLRACE_CHECK(reserve(lock, blob_charge(list.length)));
    }
    const auto give_back = [&](Error error) {
        const std::lock_guard lock(mutex_);
        used_bytes_ -= blob_charge(list.length);
        return Err{std::move(error)};
    };
    // Its content follows from the id, so it does not matter who writes it.
    if (const auto planned = write_durably(plan_path_of(id), encode(list), kMode);
        !planned.has_value())
        return give_back(Error{kBlobStoreFull, "blob store: " + planned.error().message});
    // Under a name of its own first: somebody may announce the same blob at this moment.
    std::filesystem::path fresh = part_path_of(id);
    {
        const std::lock_guard lock(mutex_);
        fresh += "." + std::to_string(++uploads_);
    }
    if (const auto made = BlobFile::create(fresh, list.length); !made.has_value())
        return give_back(made.error());
    Lock lock(mutex_);
    wait_until_gone(lock, id);
    std::error_code ec;
    if (const auto known = arrivals_.find(id); known != arrivals_.end() || entries_.contains(id)) {
        std::filesystem::remove(fresh, ec);
        used_bytes_ -= blob_charge(list.length);
        if (known == arrivals_.end()) return ArrivalPtr();
        MILLRACE_CHECK(known->second->enter());
        return known->second;
    }
    std::filesystem::rename(fresh, part_path_of(id), ec);
    const auto arrival = std::make_shared<Arrival>(list, part_path_of(id));
    const Status<> opened = arrival->enter();
    if (ec || !opened.has_value()) {
        std::error_code ignored;
        std::filesystem::remove(fresh, ignored);
        std::filesystem::remove(part_path_of(id), ignored);
        used_bytes_ -= blob_charge(list.length);
        return Err{ec ? blob_io_error("cannot write " + fresh.string(), ec.value())
                      : opened.error()};
    }
    touch(id, arrival->last_use);
    arrivals_.emplace(id, arrival);
    return arrival;
}

Result<BlobStore::Announced> BlobStore::announce(const ChunkList& list) {
    const auto name = blob_id(list);
    if (!name)
        return Err{Error{kBlobBadList, "a blob of " + std::to_string(list.length) + " bytes has " +
                                           std::to_string(chunk_count(list.length)) +
                                           " chunks and at most " + std::to_string(kChunksMax) +
                                           "; the list has " + std::to_string(list.chunks.size())}};
    Announced out;
    out.id = hash_as<BlobId>(*name);
    // Who sends a blob again may have met a damaged one here.
    MILLRACE_TRY(const auto sound, find_sound(out.id));
    if (sound) {
        out.is_here = true;
        return out;
    }
    MILLRACE_TRY(const ArrivalPtr arrival, arrival_of(out.id, list));
    if (!arrival) {
        out.is_here = true;
        return out;
    }
    look(out.id, *arrival);
    Status<> completed = complete_if_whole(out.id, *arrival);
    const std::lock_guard lock(mutex_);
    arrival->leave();
    MILLRACE_CHECK(std::move(completed));
    out.is_here = entries_.contains(out.id);
    if (out.is_here) return out;
    out.unlooked = static_cast<std::uint32_t>(arrival->chunks.size()) - arrival->unlooked_from;
    out.missing = spans_of(arrival->chunks);
    return out;
}

void BlobStore::look(const BlobId& id, Arrival& arrival) {
    std::unique_lock lock(mutex_);
    if (arrival.is_looked_for) return;
    arrival.is_looked_for = true;
    Bytes buffer;
    std::uint32_t budget = kLookChunksMax;
    while (arrival.unlooked_from < arrival.chunks.size() && budget > 0) {
        const std::uint32_t i = arrival.unlooked_from++;
        const Hash& root = arrival.list.chunks[i];
        if (arrival.chunks[i] != Arrival::Chunk::missing) continue;
        const bool may_be_here =
            arrival.has_old_bytes || root == zero_subtree(kChunkLevels) || spots_.contains(root);
        if (!may_be_here) continue;
        --budget;
        arrival.chunks[i] = Arrival::Chunk::being_written;
        lock.unlock();
        const bool is_here = find_locally(id, arrival, i, buffer);
        lock.lock();
        arrival.chunks[i] = is_here ? Arrival::Chunk::here : Arrival::Chunk::missing;
        if (is_here) --arrival.missing;
    }
    arrival.is_looked_for = false;
}

bool BlobStore::find_locally(const BlobId& id, Arrival& arrival, std::uint32_t chunk,
                             Bytes& buffer) {
    const std::uint64_t length = chunk_length(arrival.list.length, chunk);
    const std::uint64_t offset = chunk * kChunkSize;
    const Hash& root = arrival.list.chunks[chunk];
    buffer.resize(kChunkSize);
    if (arrival.has_old_bytes) {
        const MutableByteView bytes = MutableByteView(buffer).first(length);
        if (arrival.file.read_at(bytes, offset).has_value() && chunk_root(bytes) == root)
            return true;
    }
    if (root == zero_subtree(kChunkLevels)) return arrival.file.zero_at(offset, length).has_value();
    std::optional<Spot> spot;
    {
        const std::lock_guard lock(mutex_);
        const auto known = spots_.find(root);
        if (known != spots_.end()) spot = known->second;
    }
    if (!spot || spot->blob == id) return false;
    return copy_chunk(arrival, chunk, *spot, buffer);
}

bool BlobStore::copy_chunk(const Arrival& arrival, std::uint32_t chunk, const Spot& spot,
                           Bytes& buffer) {
    const auto source = find(spot.blob);
    if (!source) return false;
    const auto file = BlobFile::open(source->path, false);
    if (!file.has_value()) return false;
    const std::uint64_t length = chunk_length(source->size, spot.chunk);
    std::fill(buffer.begin(), buffer.end(), 0);
    const bool was_read =
        file->read_at(MutableByteView(buffer).first(length), spot.chunk * kChunkSize).has_value();
    if (!was_read || chunk_root(buffer) != arrival.list.chunks[chunk]) {
        // The disk has lost bytes of it: what is damaged is not given to anybody again.
        spdlog::error("blob {} is damaged on the disk and was removed; check the disk",
                      to_hex(spot.blob.view()));
        const std::lock_guard lock(mutex_);
        evict(spot.blob);
        return false;
    }
    const std::uint64_t wanted = chunk_length(arrival.list.length, chunk);
    return arrival.file.write_at(ByteView(buffer).first(wanted), chunk * kChunkSize).has_value();
}

Status<> BlobStore::complete_if_whole(const BlobId& id, Arrival& arrival) {
    {
        const std::lock_guard lock(mutex_);
        if (arrival.missing > 0 || arrival.is_completing || entries_.contains(id)) return Ok{};
        arrival.is_completing = true;
    }
    Status<> done = arrival.file.sync();
    if (done.has_value()) done = adopt(arrival.file, id, arrival.list);
    const std::lock_guard lock(mutex_);
    arrival.is_completing = false;
    if (!entries_.contains(id)) return done;
    if (const auto known = arrivals_.find(id); known != arrivals_.end()) {
        by_use_.erase(known->second->last_use);
        arrivals_.erase(known);
    }
    std::error_code ignored;
    std::filesystem::remove(plan_path_of(id), ignored);
    return done;
}

Result<std::unique_ptr<BlobStore::Part>> BlobStore::part(const BlobId& id, std::uint64_t offset,
                                                         std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    const auto known = arrivals_.find(id);
    if (known == arrivals_.end())
        return Err{Error{kBlobUnknown,
                         "this blob is not announced here, or gave way to others; call "
                         "blob_announce with the list of its chunks first"}};
    const std::uint64_t length = known->second->list.length;
    const bool fits = offset % kChunkSize == 0 && size > 0 && offset < length &&
                      size <= length - offset &&
                      (offset + size == length || (offset + size) % kChunkSize == 0);
    if (!fits)
        return Err{
            Error{kBlobBadRange,
                  "a part is whole chunks of 1,048,576 bytes, or reaches the blob's end at " +
                      std::to_string(length)}};
    touch(id, known->second->last_use);
    MILLRACE_CHECK(known->second->enter());
    return std::make_unique<Part>(*this, id, known->second, offset, size);
}

BlobStore::Part::Part(BlobStore& store, const BlobId& id, ArrivalPtr arrival, std::uint64_t offset,
                      std::uint64_t size)
    : store_(store), id_(id), arrival_(std::move(arrival)), at_(offset), end_(offset + size) {}

BlobStore::Part::~Part() {
    const std::lock_guard lock(store_.mutex_);
    if (hasher_ && !is_skipped_) arrival_->chunks[chunk()] = Arrival::Chunk::missing;
    arrival_->leave();
}

Status<> BlobStore::Part::begin_chunk() {
    {
        const std::lock_guard lock(store_.mutex_);
        Arrival::Chunk& state = arrival_->chunks[chunk()];
        if (state == Arrival::Chunk::being_written)
            return Err{Error{kBlobBusy, "somebody else sends chunk " + std::to_string(chunk()) +
                                            " at this moment; ask blob_status again in a while"}};
        is_skipped_ = state == Arrival::Chunk::here;
        if (!is_skipped_) state = Arrival::Chunk::being_written;
    }
    hasher_.emplace(kChunkLevels);
    chunk_left_ = chunk_length(arrival_->list.length, chunk());
    return Ok{};
}

Status<> BlobStore::Part::end_chunk() {
    const std::uint32_t index = chunk();
    const Hash root = hasher_->finish();
    hasher_.reset();
    const bool is_right = root == arrival_->list.chunks[index];
    if (!is_skipped_) {
        const std::lock_guard lock(store_.mutex_);
        arrival_->chunks[index] = is_right ? Arrival::Chunk::here : Arrival::Chunk::missing;
        if (is_right) --arrival_->missing;
    }
    if (!is_right)
        return Err{Error{kBlobWrongBytes,
                         "chunk " + std::to_string(index) + " (bytes from " +
                             std::to_string(index * kChunkSize) +
                             ") is not what was announced: it was dropped, and the chunks before "
                             "it were kept"}};
    at_ = std::min(end_, (index + 1) * kChunkSize);
    if (at_ % kWriteBackBytes == 0)
        arrival_->file.write_back(at_ - kWriteBackBytes, kWriteBackBytes);
    return Ok{};
}

Status<> BlobStore::Part::write(ByteView piece) {
    while (!piece.empty()) {
        if (!hasher_) {
            if (at_ >= end_) return Err{Error{kBlobWrongSize, "more bytes than the part has"}};
            MILLRACE_CHECK(begin_chunk());
        }
        const ByteView take = piece.first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), chunk_left_)));
        const std::uint64_t offset = chunk() * kChunkSize + hasher_->length();
        MILLRACE_ASSERT(hasher_->push(take));
        if (!is_skipped_) MILLRACE_CHECK(arrival_->file.write_at(take, offset));
        piece = piece.subspan(take.size());
        chunk_left_ -= take.size();
        if (chunk_left_ == 0) MILLRACE_CHECK(end_chunk());
    }
    return Ok{};
}

Result<std::uint32_t> BlobStore::Part::finish() {
    if (at_ != end_) return Err{Error{kBlobWrongSize, "the part ended before its last byte"}};
    MILLRACE_CHECK(store_.complete_if_whole(id_, *arrival_));
    const std::lock_guard lock(store_.mutex_);
    return store_.entries_.contains(id_) ? 0U : std::max(1U, arrival_->missing);
}

BlobStore::State BlobStore::state(const BlobId& id) const {
    State out;
    const std::lock_guard lock(mutex_);
    out.is_held = held_.contains(id) || pinned_.contains(id);
    if (const auto entry = entries_.find(id); entry != entries_.end()) {
        out.is_here = true;
        out.size = entry->second.size;
    } else if (const auto arrival = arrivals_.find(id); arrival != arrivals_.end()) {
        out.is_arriving = true;
        out.size = arrival->second->list.length;
        out.missing = spans_of(arrival->second->chunks);
    }
    return out;
}

}  // namespace millrace::node
