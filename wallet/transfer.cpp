#include "wallet/transfer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "vm/native/posix.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPieceBytes = 256U * 1024U;
constexpr std::uint64_t kPauseMs = 100;
constexpr std::uint64_t kPauseMaxMs = 2'000;
constexpr int kHttpBusy = 409;
constexpr int kHttpWrongBytes = 422;
constexpr int kHttpNotAnnounced = 404;

/// Whether another try may end better: the node is away, restarted, or somebody else sends.
bool may_pass(const Failure& failure) {
    return failure.exit == Exit::node_unreachable || failure.http_status == kHttpBusy ||
           failure.http_status == kHttpNotAnnounced;
}

/// Goes on after breaks while the transfer moves on between them. Who was never there is not waited
/// for.
class Patience {
  public:
    explicit Patience(const Context& context) : context_(context) {}
    void moved_on() {
        has_begun_ = true;
        waited_ms_ = 0;
        pause_ms_ = kPauseMs;
    }
    /// Waits a little; false when it is time to give up.
    [[nodiscard]] bool wait() {
        if (!has_begun_ || waited_ms_ >= kPatienceMs) return false;
        if (waited_ms_ == 0)
            context_.note(
                fmt::format("The transfer broke off; trying again for {} s", kPatienceMs / 1000));
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms_));
        waited_ms_ += pause_ms_;
        pause_ms_ = std::min(pause_ms_ * 2, kPauseMaxMs);
        return true;
    }

  private:
    const Context& context_;
    bool has_begun_ = false;
    std::uint64_t waited_ms_ = 0;
    std::uint64_t pause_ms_ = kPauseMs;
};

struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Span, (), (first, count))
struct Announced {
    Hash id;
    bool is_here = false;
    std::uint32_t unlooked = 0;
    BoundedVector<Span, kChunksMax> missing;
};
BOOST_DESCRIBE_STRUCT(Announced, (), (id, is_here, unlooked, missing))

std::uint64_t span_bytes(const Span& span, std::uint64_t length) {
    const std::uint64_t from = span.first * kChunkSize;
    return std::min<std::uint64_t>(length - from, span.count * kChunkSize);
}

bool is_sound(const Announced& told, const ChunkList& list) {
    std::uint64_t end = 0;
    for (const Span& span : told.missing) {
        if (span.first < end || span.count == 0 ||
            std::uint64_t{span.first} + span.count > list.chunks.size())
            return false;
        end = std::uint64_t{span.first} + span.count;
    }
    return told.id == blob_id(list);
}

/// One blob on its way to the node.
class Sending {
  public:
    Sending(Context& context, Client& client, const ChunkList& list, const ReadAt& read,
            const OnBytes& on_bytes)
        : client_(client), list_(list), read_(read), on_bytes_(on_bytes), patience_(context) {}

    Try<std::uint64_t> run() {
        const boost::json::object params = to_json(list_).as_object();
        std::uint64_t first_missing = 0;
        std::uint64_t least_left = UINT64_MAX;
        for (;;) {
            const auto told = client_.ask<Announced>("blob_announce", params);
            if (!told.has_value()) {
                if (may_pass(told.error()) && patience_.wait()) continue;
                return Err{told.error()};
            }
            if (told->is_here) {
                show(list_.length);
                return first_missing;
            }
            if (!is_sound(*told, list_))
                return Err{Failure{Exit::failed,
                                   client_.url() + " asks for chunks that the blob does not have; "
                                                   "is it a Millrace node of this version?"}};
            std::uint64_t left = told->unlooked;
            for (const Span& span : told->missing) left += span_bytes(span, list_.length);
            if (left < least_left) patience_.moved_on();
            least_left = std::min(least_left, left);
            if (told->unlooked > 0) continue;
            if (first_missing == 0) first_missing = left;
            const Try<Ok> sent = send(*told, left);
            // All is there and not stored yet, or the way was cut: ask again.
            if (sent.has_value() && !told->missing.empty()) continue;
            if (!sent.has_value() && !may_pass(sent.error())) return Err{sent.error()};
            if (!patience_.wait())
                return Err{sent.has_value()
                               ? Failure{Exit::failed, client_.url() + " does not store the blob"}
                               : sent.error()};
        }
    }

  private:
    Try<Ok> send(const Announced& told, std::uint64_t left) {
        const std::string id = to_hex(told.id.view());
        for (const Span& span : told.missing) {
            const std::uint64_t from = span.first * kChunkSize;
            const std::uint64_t size = span_bytes(span, list_.length);
            std::uint64_t at = from;
            const ReadPiece read = [&](MutableByteView piece) -> Try<std::size_t> {
                MILLRACE_CHECK(read_(at, piece));
                at += piece.size();
                return piece.size();
            };
            const Try<Ok> sent = client_.put_part(
                id, from, size, list_.length, read,
                [&](std::uint64_t done, std::uint64_t) { show(list_.length - left + done); });
            if (!sent.has_value() && sent.error().http_status == kHttpWrongBytes)
                return Err{Failure{Exit::bad_input,
                                   "a file has changed while it was sent; try again when nothing "
                                   "writes to it"}};
            MILLRACE_CHECK(sent);
            left -= size;
        }
        return Ok{};
    }
    void show(std::uint64_t done) const {
        if (on_bytes_) on_bytes_(done, list_.length);
    }

    Client& client_;
    const ChunkList& list_;
    const ReadAt& read_;
    const OnBytes& on_bytes_;
    Patience patience_;
};

Failure write_failure(const fs::path& path, int code) {
    return {Exit::failed,
            fmt::format("cannot write {}: {}{}", path.string(), std::strerror(code),
                        code == ENOSPC || code == EDQUOT || code == EFBIG
                            ? "; free some of that disk and run the same command again: it goes on "
                              "from what is there"
                            : "")};
}

/// One blob on its way here.
class Fetching {
  public:
    Fetching(Context& context, const Hash& id, std::uint64_t length, const fs::path& path,
             const OnBytes& on_bytes)
        : context_(context),
          id_(id),
          hex_(to_hex(id.view())),
          length_(length),
          part_(path.string() + ".part"),
          path_(path),
          on_bytes_(on_bytes),
          patience_(context) {}

    Try<Ok> run() {
        MILLRACE_CHECK(open());
        // A blob of one chunk is checked against its id alone.
        if (length_ <= kChunkSize) MILLRACE_CHECK(keep_verified());
        MILLRACE_TRY(const std::vector<Client*> holders, context_.holder_clients());
        struct Holder {
            Client* client;
            std::optional<Failure> failure;
            bool is_out = false;
        };
        std::vector<Holder> all;
        for (Client* const client : holders) all.push_back({client, {}, false});
        while (have_ < length_) {
            bool is_any_left = false;
            for (Holder& holder : all) {
                if (holder.is_out || have_ == length_) continue;
                const std::uint64_t before = have_;
                const Try<Ok> got = from(*holder.client);
                MILLRACE_CHECK(cut_back());
                if (have_ > before) patience_.moved_on();
                if (got.has_value()) continue;
                if (is_ours_) return got;
                holder.failure = got.error();
                // Who lies once is not asked again; who is away may come back.
                holder.is_out = !may_pass(got.error());
                is_any_left = is_any_left || !holder.is_out;
            }
            if (have_ == length_) break;
            if (is_any_left && patience_.wait()) continue;
            std::vector<std::pair<std::string, Failure>> why;
            for (const Holder& holder : all)
                if (holder.failure) why.emplace_back(holder.client->url(), *holder.failure);
            return Err{all_failed(why)};
        }
        file_.reset();
        std::error_code ec;
        fs::rename(part_, path_, ec);
        if (ec) return Err{write_failure(path_, ec.value())};
        return Ok{};
    }

  private:
    Try<Ok> open() {
        std::error_code ignored;
        // A whole file of an earlier try is checked like a part of it.
        if (fs::exists(path_, ignored) && !fs::exists(part_, ignored))
            fs::rename(path_, part_, ignored);
        constexpr mode_t kMode = 0644;
        file_ = vm::FileHandle(::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
        if (!file_) return Err{write_failure(part_, errno)};
        return Ok{};
    }

    [[nodiscard]] bool is_right(std::uint64_t chunk, const Hash& root) const {
        if (list_) return list_->chunks[chunk] == root;
        ChunkList one{length_, {}};
        one.chunks.push_back(root);
        return blob_id(one) == id_;
    }

    /// Counts in the chunks that an earlier try has left, up to the first that is not right.
    Try<Ok> keep_verified() {
        struct stat info{};
        if (::fstat(file_.get(), &info) != 0) return Err{write_failure(part_, errno)};
        const auto size =
            std::min<std::uint64_t>(length_, static_cast<std::uint64_t>(info.st_size));
        Bytes buffer(std::min<std::uint64_t>(kChunkSize, length_));
        while (have_ < size) {
            const MutableByteView chunk =
                MutableByteView(buffer).first(chunk_length(length_, have_ / kChunkSize));
            if (have_ + chunk.size() > size ||
                !vm::pread_all(file_.get(), chunk, have_, part_.string()).has_value())
                break;
            PageTreeHasher hasher(kChunkLevels);
            MILLRACE_ASSERT(hasher.push(chunk));
            if (!is_right(have_ / kChunkSize, hasher.finish())) break;
            have_ += chunk.size();
        }
        return cut_back();
    }

    /// What lies behind the verified bytes goes.
    Try<Ok> cut_back() {
        hasher_.reset();
        if (::ftruncate(file_.get(), static_cast<off_t>(have_)) != 0)
            return Err{write_failure(part_, errno)};
        return Ok{};
    }

    Try<Ok> learn_chunks(Client& holder) {
        if (list_ || length_ <= kChunkSize) return Ok{};
        MILLRACE_TRY(ChunkList list, holder.ask<ChunkList>("blob_chunks", {{"id", hex_}}));
        if (list.length != length_ || blob_id(list) != id_)
            return Err{Failure{Exit::failed,
                               fmt::format("its list of the chunks of blob {} is of another blob",
                                           short_hash(hex_))}};
        list_ = std::move(list);
        patience_.moved_on();
        return keep_verified();
    }

    Try<Ok> from(Client& holder) {
        MILLRACE_CHECK(learn_chunks(holder));
        if (have_ == length_) return Ok{};
        return holder.get_part(hex_, have_, length_ - have_,
                               [this](ByteView piece) { return take(piece); });
    }

    Try<Ok> take(ByteView piece) {
        while (!piece.empty()) {
            const std::uint64_t chunk = have_ / kChunkSize;
            if (!hasher_) hasher_.emplace(kChunkLevels);
            const std::uint64_t at = hasher_->length();
            const std::uint64_t left = chunk_length(length_, chunk) - at;
            const ByteView now =
                piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), left)));
            MILLRACE_ASSERT(hasher_->push(now));
            if (!vm::pwrite_all(file_.get(), now, have_ + at, part_.string()).has_value()) {
                is_ours_ = true;
                return Err{write_failure(part_, errno)};
            }
            piece = piece.subspan(now.size());
            if (now.size() < left) continue;
            const Hash root = hasher_->finish();
            hasher_.reset();
            if (!is_right(chunk, root))
                return Err{Failure{
                    Exit::failed,
                    fmt::format("the node's blob {} is damaged: chunk {} hashes to another root; "
                                "nothing of it was kept",
                                short_hash(hex_), chunk)}};
            have_ += chunk_length(length_, chunk);
            if (on_bytes_) on_bytes_(have_, length_);
        }
        return Ok{};
    }

    [[nodiscard]] static Failure all_failed(
        const std::vector<std::pair<std::string, Failure>>& why) {
        MILLRACE_ASSERT(!why.empty());
        if (why.size() == 1) return why.front().second;
        Failure out{why.front().second.exit, "no node gives the blob"};
        for (const auto& [url, failure] : why) {
            if (failure.exit != out.exit) out.exit = Exit::failed;
            out.message += fmt::format("; {}: {}", url, failure.message);
        }
        return out;
    }

    Context& context_;
    Hash id_;
    std::string hex_;
    std::uint64_t length_;
    fs::path part_;
    fs::path path_;
    const OnBytes& on_bytes_;
    Patience patience_;
    vm::FileHandle file_;
    std::optional<ChunkList> list_;
    std::optional<PageTreeHasher> hasher_;
    /// Verified bytes, whole chunks.
    std::uint64_t have_ = 0;
    /// The trouble is this machine's, so no other node helps.
    bool is_ours_ = false;
};

}  // namespace

Try<ReadAt> read_file_at(const fs::path& path) {
    const auto file = std::make_shared<vm::FileHandle>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!*file) return Err{Failure{Exit::bad_input, "cannot read " + path.string()}};
    return ReadAt([file, path](std::uint64_t offset, MutableByteView piece) -> Try<Ok> {
        const auto read = vm::pread_all(file->get(), piece, offset, path.string());
        if (read.has_value()) return Ok{};
        return Err{Failure{Exit::bad_input, read.error().message}};
    });
}

Try<ChunkList> hash_chunks(std::uint64_t length, const ReadAt& read, const OnBytes& on_bytes) {
    PageTreeHasher hasher(kRegionLevels, kChunkLevels);
    Bytes buffer(std::min<std::uint64_t>(kPieceBytes, length));
    for (std::uint64_t at = 0; at < length;) {
        const MutableByteView piece = MutableByteView(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length - at)));
        MILLRACE_CHECK(read(at, piece));
        if (!hasher.push(piece))
            return Err{Failure{Exit::bad_input, "a file is larger than 4 GiB; cut it in pieces"}};
        at += piece.size();
        if (on_bytes) on_bytes(at, length);
    }
    static_cast<void>(hasher.finish());
    return chunk_list_of(hasher);
}

Try<std::uint64_t> send_blob_chunks(Context& context, const ChunkList& list, const ReadAt& read,
                                    const OnBytes& on_bytes) {
    MILLRACE_TRY(Client* const client, context.client());
    return Sending(context, *client, list, read, on_bytes).run();
}

Try<Ok> fetch_blob(Context& context, const Hash& id, std::uint64_t length, const fs::path& path,
                   const OnBytes& on_bytes) {
    return Fetching(context, id, length, path, on_bytes).run();
}

}  // namespace millrace::wallet
