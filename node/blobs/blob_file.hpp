#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/bytes.hpp"
#include "common/result.hpp"

/// The few things that the blob store asks of a disk, with errors that say what to do. Private to
/// node/blobs.
namespace millrace::node {

/// Error codes of the store.
inline constexpr int kBlobStoreIo = 20;
inline constexpr int kBlobStoreFull = 21;   ///< quota or disk
inline constexpr int kBlobWrongSize = 22;   ///< not the bytes that were announced
inline constexpr int kBlobWrongBytes = 23;  ///< a chunk hashes to another root
inline constexpr int kBlobUnknown = 24;     ///< neither here nor announced
inline constexpr int kBlobBadRange = 25;    ///< not whole chunks of the blob
inline constexpr int kBlobBusy = 26;        ///< somebody else sends the same chunk
inline constexpr int kBlobBadList = 27;     ///< a list of chunks that no blob has
inline constexpr int kBlobStopping = 28;    ///< the node is on its way out

/// `code` is an errno. A full disk is `kBlobStoreFull`, all else `kBlobStoreIo`.
[[nodiscard]] Error blob_io_error(const std::string& what, int code);
/// Bytes that an ordinary process can still write on the disk under `path`; 0 where unknown.
[[nodiscard]] std::uint64_t free_disk_bytes(const std::filesystem::path& path);
/// Makes a rename durable: the entry lives in the folder, so the folder is synced too.
[[nodiscard]] Status<> sync_folder(const std::filesystem::path& folder);

/// An open file that is read and written at offsets.
class BlobFile {
  public:
    BlobFile() = default;
    BlobFile(BlobFile&& other) noexcept;
    BlobFile& operator=(BlobFile&& other) noexcept;
    BlobFile(const BlobFile&) = delete;
    BlobFile& operator=(const BlobFile&) = delete;
    ~BlobFile();

    /// A new file of `size` zero bytes whose blocks are the file's already, where the disk can say
    /// so: a full disk is found out here, before a byte is sent.
    [[nodiscard]] static Result<BlobFile> create(std::filesystem::path path, std::uint64_t size);
    [[nodiscard]] static Result<BlobFile> open(std::filesystem::path path, bool for_writing);

    [[nodiscard]] Status<> write_at(ByteView piece, std::uint64_t offset) const;
    [[nodiscard]] Status<> read_at(MutableByteView piece, std::uint64_t offset) const;
    /// Zeroes without writing them, where the disk can.
    [[nodiscard]] Status<> zero_at(std::uint64_t offset, std::uint64_t size) const;
    /// Begins to write back what was written there, so that `sync` has little left to wait for.
    void write_back(std::uint64_t offset, std::uint64_t size) const;
    [[nodiscard]] Status<> sync() const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    BlobFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
    std::filesystem::path path_;
    int fd_ = -1;
};

}  // namespace millrace::node
