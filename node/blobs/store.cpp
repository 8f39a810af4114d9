#include "node/blobs/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "common/page_tree.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIncoming = "incoming";

Error io_error(const std::string& what, int code) {
    return Error{kBlobStoreIo, "blob store: " + what + ": " +
                                   std::generic_category().message(code) +
                                   "; check the disk under the data folder"};
}

/// Makes a rename durable: the entry lives in the folder, so the folder is synced too.
Status<> sync_folder(const fs::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Err{io_error("cannot open " + folder.string(), errno)};
    const int rc = ::fsync(fd);
    const int code = errno;
    ::close(fd);
    if (rc != 0) return Err{io_error("cannot sync " + folder.string(), code)};
    return Ok{};
}

}  // namespace

BlobStore::BlobStore(fs::path folder, std::uint64_t quota_bytes)
    : folder_(std::move(folder)), quota_bytes_(quota_bytes) {}
BlobStore::~BlobStore() = default;

Result<std::unique_ptr<BlobStore>> BlobStore::open(fs::path folder, std::uint64_t quota_bytes) {
    std::unique_ptr<BlobStore> store(new BlobStore(std::move(folder), quota_bytes));
    MILLRACE_CHECK(store->load());
    return store;
}

Status<> BlobStore::load() {
    std::error_code ec;
    fs::create_directories(folder_ / kIncoming, ec);
    if (ec) return Err{io_error("cannot create " + folder_.string(), ec.value())};
    for (const auto& left : fs::directory_iterator(folder_ / kIncoming, ec)) {
        std::error_code ignored;
        fs::remove(left.path(), ignored);
    }
    if (ec) return Err{io_error("cannot list " + folder_.string(), ec.value())};
    struct Seen {
        fs::file_time_type written;
        BlobId id;
        std::uint64_t size;
    };
    std::vector<Seen> seen;
    for (const auto& shelf : fs::directory_iterator(folder_, ec)) {
        if (!shelf.is_directory() || shelf.path().filename() == kIncoming) continue;
        for (const auto& file : fs::directory_iterator(shelf.path(), ec)) {
            const auto raw = from_hex(file.path().filename().string());
            const auto id = raw ? BlobId::from(*raw) : std::nullopt;
            if (!id) continue;  // not ours; never touched
            std::error_code gone;
            const std::uint64_t size = file.file_size(gone);
            const auto written = file.last_write_time(gone);
            if (!gone) seen.push_back({written, *id, size});
        }
        if (ec) break;
    }
    if (ec) return Err{io_error("cannot list " + folder_.string(), ec.value())};
    // The order of writing stands for the order of use across a restart.
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
        return std::tie(a.written, a.id) < std::tie(b.written, b.id);
    });
    const std::lock_guard lock(mutex_);
    for (const Seen& blob : seen) {
        entries_[blob.id] = Entry{blob.size, ++clock_};
        used_bytes_ += blob.size;
    }
    return Ok{};
}

fs::path BlobStore::path_of(const BlobId& id) const {
    const std::string name = to_hex(id.view());
    return folder_ / name.substr(0, 2) / name;
}

std::optional<BlobStore::Found> BlobStore::find(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return std::nullopt;
    entry->second.last_use = ++clock_;
    return Found{path_of(id), entry->second.size};
}

Status<> BlobStore::reserve(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    while (size > quota_bytes_ || used_bytes_ > quota_bytes_ - size) {
        auto oldest = entries_.end();
        for (auto it = entries_.begin(); it != entries_.end(); ++it)
            if (!held_.contains(it->first) &&
                (oldest == entries_.end() || it->second.last_use < oldest->second.last_use))
                oldest = it;
        if (size > quota_bytes_ || oldest == entries_.end())
            return Err{Error{kBlobStoreFull,
                             "no room for " + std::to_string(size) +
                                 " bytes: " + std::to_string(used_bytes_) + " of " +
                                 std::to_string(quota_bytes_) +
                                 " are in use; raise --blob-quota-bytes or wait for jobs to end"}};
        std::error_code ignored;
        fs::remove(path_of(oldest->first), ignored);
        used_bytes_ -= oldest->second.size;
        entries_.erase(oldest);
    }
    used_bytes_ += size;
    return Ok{};
}

void BlobStore::release(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    used_bytes_ -= size;
}

Result<std::unique_ptr<BlobStore::Upload>> BlobStore::begin(std::uint64_t size) {
    MILLRACE_CHECK(reserve(size));
    fs::path path;
    {
        const std::lock_guard lock(mutex_);
        path = folder_ / kIncoming / (std::to_string(++uploads_) + ".part");
    }
    constexpr mode_t kMode = 0644;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
    if (fd < 0) {
        const int code = errno;
        release(size);
        return Err{io_error("cannot write " + path.string(), code)};
    }
    return std::make_unique<Upload>(*this, std::move(path), fd, size);
}

BlobStore::Upload::Upload(BlobStore& store, fs::path path, int fd, std::uint64_t size)
    : store_(store), path_(std::move(path)), fd_(fd), size_(size) {}

BlobStore::Upload::~Upload() {
    if (fd_ >= 0) ::close(fd_);
    if (is_finished_) return;
    ::unlink(path_.c_str());
    store_.release(size_);
}

Status<> BlobStore::Upload::write(ByteView piece) {
    if (piece.size() > size_ - hasher_.length() || !hasher_.push(piece))
        return Err{Error{kBlobWrongSize,
                         "more bytes than the " + std::to_string(size_) + " that were announced"}};
    while (!piece.empty()) {
        const ssize_t n = ::write(fd_, piece.data(), piece.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Err{io_error("cannot write " + path_.string(), errno)};
        piece = piece.subspan(static_cast<std::size_t>(n));
    }
    return Ok{};
}

Result<BlobId> BlobStore::Upload::finish() {
    if (hasher_.length() != size_)
        return Err{Error{kBlobWrongSize, std::to_string(hasher_.length()) + " bytes came, " +
                                             std::to_string(size_) + " were announced"}};
    const BlobId id = hash_as<BlobId>(file_id(size_, hasher_.finish()));
    if (::fsync(fd_) != 0) return Err{io_error("cannot sync " + path_.string(), errno)};
    const fs::path target = store_.path_of(id);
    std::error_code ec;
    fs::create_directories(target.parent_path(), ec);
    if (ec) return Err{io_error("cannot create " + target.parent_path().string(), ec.value())};
    const std::lock_guard lock(store_.mutex_);
    if (const auto known = store_.entries_.find(id); known != store_.entries_.end()) {
        known->second.last_use = ++store_.clock_;
        store_.used_bytes_ -= size_;
        ::unlink(path_.c_str());
        is_finished_ = true;
        return id;
    }
    if (::rename(path_.c_str(), target.c_str()) != 0)
        return Err{io_error("cannot rename to " + target.string(), errno)};
    is_finished_ = true;
    store_.entries_[id] = Entry{size_, ++store_.clock_};
    MILLRACE_CHECK(sync_folder(target.parent_path()));
    MILLRACE_CHECK(sync_folder(store_.folder_));
    return id;
}

Result<BlobId> BlobStore::put(ByteView content) {
    MILLRACE_TRY(const std::unique_ptr<Upload> upload, begin(content.size()));
    MILLRACE_CHECK(upload->write(content));
    return upload->finish();
}

Result<std::optional<Bytes>> BlobStore::read(const BlobId& id, std::uint64_t size_max) {
    const auto found = find(id);
    if (!found || found->size > size_max) return std::optional<Bytes>();
    const int fd = ::open(found->path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Err{io_error("cannot read " + found->path.string(), errno)};
    Bytes out(found->size);
    std::size_t at = 0;
    while (at < out.size()) {
        const ssize_t n = ::read(fd, out.data() + at, out.size() - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
    }
    ::close(fd);
    if (at != out.size())
        return Err{Error{kBlobStoreIo, "blob store: " + found->path.string() + " is cut short"}};
    return std::optional<Bytes>(std::move(out));
}

void BlobStore::hold(std::set<BlobId> blobs) {
    const std::lock_guard lock(mutex_);
    held_ = std::move(blobs);
}

BlobStore::Usage BlobStore::usage() const {
    const std::lock_guard lock(mutex_);
    return Usage{used_bytes_, quota_bytes_, entries_.size()};
}

}  // namespace millrace::node
