#pragma once

#include <filesystem>
#include <functional>

#include "common/chunk_list.hpp"
#include "wallet/context.hpp"

/// Blobs on their way to a node and back, by chunks of 1 MiB: each is verified, what is there
/// already does not move, and a broken connection or a restarted node only costs the chunk that was
/// under way. Memory does not grow with the blob.
namespace millrace::wallet {

/// Fills a piece with the bytes at an offset.
using ReadAt = std::function<Try<Ok>(std::uint64_t offset, MutableByteView piece)>;
/// The bytes of a file; they are refused once it has become shorter.
[[nodiscard]] Try<ReadAt> read_file_at(const std::filesystem::path& path);

/// A blob's chunks, in one pass.
[[nodiscard]] Try<ChunkList> hash_chunks(std::uint64_t length, const ReadAt& read,
                                         const OnBytes& on_bytes = {});

/// Sends what the node lacks of a blob; gives the bytes that had to move. `on_bytes` counts all of
/// the blob. Waits for a node that goes away meanwhile, as long as `kPatienceMs`.
[[nodiscard]] Try<std::uint64_t> send_blob_chunks(Context& context, const ChunkList& list,
                                                  const ReadAt& read, const OnBytes& on_bytes = {});

/// Fetches a blob into a file from any of the nodes that the context names, going on with the next
/// where one fails or lies, and with what an earlier try has left at `path`.part. Nothing lies
/// there that was not verified.
[[nodiscard]] Try<Ok> fetch_blob(Context& context, const Hash& id, std::uint64_t length,
                                 const std::filesystem::path& path, const OnBytes& on_bytes = {});

/// Asks one holder after the other until an answer is right; else says why none was.
template <class T, class Check>
[[nodiscard]] Try<T> ask_holders(Context& context, std::string_view method,
                                 const boost::json::object& params, const Check& is_right,
                                 std::string_view lie) {
    MILLRACE_TRY(const std::vector<Client*> holders, context.holder_clients());
    Failure worst{Exit::not_found, ""};
    for (Client* const holder : holders) {
        Try<T> answer = holder->template ask<T>(method, params);
        if (answer.has_value() && is_right(*answer)) return answer;
        Failure failure =
            answer.has_value() ? Failure{Exit::failed, std::string(lie)} : answer.error();
        if (holders.size() > 1) failure.message = holder->url() + ": " + failure.message;
        // That one does not hold it says less than any other trouble.
        if (worst.message.empty() || failure.exit != Exit::not_found) worst = std::move(failure);
    }
    return Err{std::move(worst)};
}

/// How long a transfer waits for a node that was there and went away: a restart and a bit.
inline constexpr std::uint64_t kPatienceMs = 60'000;

}  // namespace millrace::wallet
