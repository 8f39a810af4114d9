#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "node/blobs/needed.hpp"

namespace millrace::node {

/// Jobs whose data are kept at a time; each is a small file that is read at start.
inline constexpr std::size_t kPinsMax = 1'024;

inline constexpr int kPinNoJob = 30;  ///< the ledger has no such job
/// Above `kPinsMax`; or a job with more results than one pin keeps.
inline constexpr int kPinTooMany = 31;

/// What one pin keeps, as it is written to its file.
struct PinRecord {
    static constexpr const char* kName = "pin_record";
    static constexpr std::size_t kItemsMax = kNeededResultsMax + 2;
    JobId job;
    BoundedVector<BlobId, kItemsMax> blobs;
    BoundedVector<TreeRoot, kItemsMax> trees;
    BoundedVector<Hash, kItemsMax> tails;
    friend bool operator==(const PinRecord&, const PinRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(PinRecord, (), (job, blobs, trees, tails))

/// Jobs whose module, input and outputs this node keeps until it is told otherwise, beyond their
/// retention and after the ledger has forgotten them. What is not on this node is kept once it
/// comes. Thread-safe; a pin is durable when `pin` returns.
class Pins {
  public:
    /// Refuses a file that is not a pin: what somebody wants kept is not guessed.
    [[nodiscard]] static Result<std::unique_ptr<Pins>> open(std::filesystem::path folder,
                                                            BlobStore& blobs, TreeStore& trees);

    struct Pin {
        JobId job;
        /// Blobs of all its trees, and how many bytes of them are here.
        std::uint32_t blobs = 0;
        std::uint64_t bytes_here = 0;
        /// Trees and blobs that are not here, whole.
        std::uint32_t missing = 0;
    };
    /// Pinning a job twice is the same as once. Refuses: `kPinNoJob`, `kPinTooMany`; a job is
    /// pinned whole or not at all.
    [[nodiscard]] Result<Pin> pin(const market::StateReader& state, const JobId& job);
    /// False when there was no such pin.
    [[nodiscard]] Result<bool> unpin(const JobId& job);
    [[nodiscard]] std::vector<Pin> list();
    /// Takes up what the ledger knows by now of pinned jobs; called every few seconds. Where it
    /// fails for some of them, the others are kept up all the same, and the first failure is told.
    /// Gives up, with everything as it was, soon after `is_stopping` turns true.
    [[nodiscard]] Status<> refresh(const market::StateReader& state,
                                   const std::atomic<bool>& is_stopping = kNeverStops);

  private:
    Pins(std::filesystem::path folder, BlobStore& blobs, TreeStore& trees)
        : folder_(std::move(folder)), blobs_(blobs), trees_(trees) {}
    [[nodiscard]] Status<> load();
    [[nodiscard]] std::filesystem::path path_of(const JobId& job) const;
    [[nodiscard]] Status<> update(const JobId& job, const Needed& found);
    [[nodiscard]] Pin describe(const PinRecord& record);
    void apply(const std::atomic<bool>& is_stopping = kNeverStops);

    std::filesystem::path folder_;
    BlobStore& blobs_;
    TreeStore& trees_;
    std::mutex mutex_;
    // Guarded by mutex_.
    std::map<JobId, PinRecord> pins_;
};
BOOST_DESCRIBE_STRUCT(Pins::Pin, (), (job, blobs, bytes_here, missing))

}  // namespace millrace::node
