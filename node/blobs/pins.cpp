#include "node/blobs/pins.hpp"

#include <system_error>

#include "common/codec.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr const char* kEnding = ".pin";
constexpr unsigned kMode = 0644;
/// Three full lists of 32-byte hashes, with room.
constexpr std::size_t kPinBytesMax = 3 * (PinRecord::kItemsMax + 64) * Hash::kSize;

Error pin_error(const fs::path& path, const std::string& what) {
    return Error{kBlobStoreIo, "pin " + path.string() + ": " + what};
}

/// Adds what is not in the list yet; the order of finding stays. Gives whether all had room.
template <class List, class Set>
bool merge(List& list, const Set& found) {
    const Set known(list.begin(), list.end());
    for (const auto& item : found) {
        if (known.contains(item)) continue;
        if (list.size() >= PinRecord::kItemsMax) return false;
        list.push_back(item);
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<Pins>> Pins::open(fs::path folder, BlobStore& blobs, TreeStore& trees) {
    std::unique_ptr<Pins> pins(new Pins(std::move(folder), blobs, trees));
    MILLRACE_CHECK(pins->load());
    return pins;
}

fs::path Pins::path_of(const JobId& job) const {
    return folder_ / (to_hex(job.view()) + kEnding);
}

Status<> Pins::load() {
    std::error_code ec;
    fs::create_directories(folder_, ec);
    if (ec) return Err{pin_error(folder_, ec.message())};
    const std::lock_guard lock(mutex_);
    for (const auto& file : fs::directory_iterator(folder_, ec)) {
        if (file.path().extension() == ".new") {
            // Torn by a crash before its rename: nobody was told that it is pinned.
            std::error_code ignored;
            fs::remove(file.path(), ignored);
        }
        if (file.path().extension() != kEnding) continue;
        MILLRACE_TRY(const auto raw, read_small_file(file.path(), kPinBytesMax));
        const auto record = decode<PinRecord>(raw ? ByteView(*raw) : ByteView());
        if (!record.has_value() || path_of(record->job) != file.path())
            return Err{pin_error(file.path(),
                                 "this file is damaged; delete it and pin the job anew with "
                                 "`millrace blob pin JOB`")};
        pins_.emplace(record->job, *record);
    }
    if (ec) return Err{pin_error(folder_, ec.message())};
    apply();
    return Ok{};
}

Status<> Pins::update(const JobId& job, const Needed& found) {
    const auto known = pins_.find(job);
    PinRecord record = known != pins_.end() ? known->second : PinRecord{job, {}, {}, {}};
    const bool has_room = merge(record.blobs, found.blobs) && merge(record.trees, found.trees) &&
                          merge(record.trees, found.outputs) && merge(record.tails, found.tails);
    if (!found.is_complete || !has_room)
        return Err{Error{kPinTooMany, "job " + to_hex(job.view()) + " has more results than the " +
                                          std::to_string(kNeededResultsMax) +
                                          " that one pin keeps; fetch its outputs instead"}};
    if (known != pins_.end() && known->second == record) return Ok{};
    MILLRACE_CHECK(write_durably(path_of(job), encode(record), kMode));
    pins_[job] = std::move(record);
    return Ok{};
}

Result<Pins::Pin> Pins::pin(const market::StateReader& state, const JobId& job) {
    Needed found;
    const bool is_known = add_whole_job(state, job, found);
    const std::lock_guard lock(mutex_);
    if (!is_known && !pins_.contains(job))
        return Err{Error{kPinNoJob, "there is no such job, or it was deleted after its end"}};
    if (!pins_.contains(job) && pins_.size() >= kPinsMax)
        return Err{Error{kPinTooMany, "this node keeps " + std::to_string(kPinsMax) +
                                          " pinned jobs and no more; unpin some"}};
    MILLRACE_CHECK(update(job, found));
    apply();
    return describe(pins_.at(job));
}

Result<bool> Pins::unpin(const JobId& job) {
    const std::lock_guard lock(mutex_);
    if (!pins_.contains(job)) return false;
    std::error_code ec;
    fs::remove(path_of(job), ec);
    if (ec) return Err{pin_error(path_of(job), ec.message())};
    pins_.erase(job);
    apply();
    return true;
}

std::vector<Pins::Pin> Pins::list() {
    const std::lock_guard lock(mutex_);
    std::vector<Pin> out;
    out.reserve(pins_.size());
    for (const auto& [job, record] : pins_) out.push_back(describe(record));
    return out;
}

Status<> Pins::refresh(const market::StateReader& state, const std::atomic<bool>& is_stopping) {
    const std::lock_guard lock(mutex_);
    if (pins_.empty()) return Ok{};
    std::vector<JobId> jobs;
    jobs.reserve(pins_.size());
    for (const auto& [job, record] : pins_) jobs.push_back(job);
    Status<> out = Ok{};
    for (const JobId& job : jobs) {
        Needed found;
        const bool is_known = add_whole_job(state, job, found, is_stopping);
        if (is_stopping) return Ok{};
        if (!is_known) continue;
        Status<> updated = update(job, found);
        if (!updated.has_value() && out.has_value()) out = std::move(updated);
    }
    apply(is_stopping);
    return out;
}

Pins::Pin Pins::describe(const PinRecord& record) {
    Pin out;
    out.job = record.job;
    std::set<BlobId> blobs(record.blobs.begin(), record.blobs.end());
    for (const TreeRoot& root : record.trees) {
        if (root == vm::empty_tree_root()) continue;
        const auto of_tree = trees_.blobs_of(root);
        if (!of_tree.has_value() || of_tree->empty()) {
            ++out.missing;
            continue;
        }
        blobs.insert(of_tree->begin(), of_tree->end());
    }
    for (const BlobId& blob : blobs) {
        const BlobStore::State state = blobs_.state(blob);
        ++out.blobs;
        if (state.is_here)
            out.bytes_here += state.size;
        else
            ++out.missing;
    }
    return out;
}

void Pins::apply(const std::atomic<bool>& is_stopping) {
    std::set<BlobId> blobs;
    std::set<TreeRoot> trees;
    std::set<Hash> tails;
    for (const auto& [job, record] : pins_) {
        blobs.insert(record.blobs.begin(), record.blobs.end());
        trees.insert(record.trees.begin(), record.trees.end());
        tails.insert(record.tails.begin(), record.tails.end());
    }
    bool is_complete = true;
    for (const TreeRoot& root : trees) {
        if (is_stopping) return;
        const auto of_tree = trees_.blobs_of(root);
        is_complete = is_complete && of_tree.has_value();
        if (of_tree.has_value()) blobs.insert(of_tree->begin(), of_tree->end());
    }
    trees_.pin(trees, tails, is_complete);
    blobs_.pin(std::move(blobs), is_complete);
}

}  // namespace millrace::node
