#include "node/provider/local_backend.hpp"

#include <fstream>
#include <system_error>

#include "common/page_tree.hpp"
#include "market/task.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr int kErrorBackend = 60;
constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr std::uint64_t kMsPerSecond = 1'000;

static_assert(market::kTaskGasMax == vm::kGasLimitMax);

Error backend_error(std::string what) {
    return Error{kErrorBackend, std::move(what)};
}

/// Moves a file's bytes into the store; the worker's word about their root is checked on the way.
Status<> keep_file(BlobStore& blobs, const fs::path& path, const vm::TreeRegion& region,
                   const std::atomic<bool>& is_cancelled) {
    std::ifstream file(path, std::ios::binary);
    MILLRACE_TRY(const auto upload, blobs.begin(region.length));
    std::vector<char> piece(kPieceBytes);
    for (std::uint64_t left = region.length; left > 0;) {
        file.read(piece.data(),
                  static_cast<std::streamsize>(std::min<std::uint64_t>(left, piece.size())));
        if (is_cancelled) return Err{backend_error("stopped while its output was stored")};
        const auto got = static_cast<std::size_t>(file.gcount());
        if (got == 0) return Err{backend_error("the worker's output is cut short")};
        MILLRACE_CHECK(upload->write(as_bytes({piece.data(), got})));
        left -= got;
    }
    MILLRACE_TRY(const BlobId id, upload->finish());
    if (id != blob_of(region))
        return Err{
            backend_error("the worker's output differs from what it claims; is this "
                          "machine's memory or disk failing?")};
    return Ok{};
}

/// A task's part of the owner's memory, given back with its end.
class MemoryShare {
  public:
    MemoryShare(std::atomic<std::uint64_t>& taken, std::uint64_t bytes)
        : taken_(taken), bytes_(bytes) {}
    ~MemoryShare() { taken_ -= bytes_; }
    MemoryShare(const MemoryShare&) = delete;
    MemoryShare& operator=(const MemoryShare&) = delete;

  private:
    std::atomic<std::uint64_t>& taken_;
    std::uint64_t bytes_;
};

/// A folder that is gone when its task is.
class Scratch {
  public:
    explicit Scratch(fs::path path) : path_(std::move(path)) {
        std::error_code ignored;
        fs::create_directories(path_, ignored);
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

}  // namespace

LocalBackend::LocalBackend(BlobStore& blobs, TreeStore& trees, fs::path scratch, LocalLimits limits)
    : blobs_(blobs), trees_(trees), scratch_(std::move(scratch)), limits_(std::move(limits)) {
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
}

/// A job that states another length than its blob has cannot be run as stated.
Result<fs::path> LocalBackend::check_stdin(const market::JobStdin& wanted,
                                           const std::optional<BlobStore::Found>& found) {
    if (!found) return Err{backend_error("the job's standard input is not on this node")};
    if (found->size != wanted.bytes)
        return Err{backend_error("the job's standard input is not as long as the job says")};
    return found->path;
}

Status<> LocalBackend::prepare(const market::JobSpec& spec, const BlobId& module) {
    if (!blobs_.find(module)) return Err{backend_error("the job's module is not on this node")};
    if (spec.input) {
        MILLRACE_TRY(const auto manifest, trees_.find(spec.input->root));
        if (!manifest) return Err{backend_error("the job's input is not on this node")};
    }
    // Its bytes are looked at by the task, in the pool: here all other leases would wait for it.
    if (spec.stdin_blob)
        MILLRACE_CHECK(
            check_stdin(*spec.stdin_blob, blobs_.find(hash_as<BlobId>(spec.stdin_blob->id))));
    return Ok{};
}

Status<> LocalBackend::check_room(const market::JobSpec& spec) {
    if (!trees_.has_own_room(spec.tasks_per_lot))
        return Err{backend_error(
            "this node keeps as many results as it can (" + std::to_string(kOwnResultsMax) +
            "), until the retention that buyers paid for is over for some of them")};
    return blobs_.check_room(spec.output_bytes_max);
}

Result<vm::WorkerJob> LocalBackend::worker_job(const TaskOrder& order,
                                               const fs::path& output) const {
    // A damaged module or input gives a wrong result, which costs the stake.
    MILLRACE_TRY(const auto module, blobs_.find_sound(order.module));
    if (!module) return Err{backend_error("the job's module is not on this node")};
    const vm::TaskArguments arguments =
        market::task_arguments(order.job, order.spec, order.posted, order.task);
    vm::WorkerJob job = vm::worker_job(module->path.string(), arguments);
    if (order.spec.stdin_blob) {
        const market::JobStdin& wanted = *order.spec.stdin_blob;
        MILLRACE_TRY(const auto found, blobs_.find_sound(hash_as<BlobId>(wanted.id)));
        MILLRACE_TRY(const fs::path path, check_stdin(wanted, found));
        job.stdin_file = vm::WorkerPath(path.string());
    }
    if (order.spec.input) {
        MILLRACE_TRY(const auto manifest, trees_.find(order.spec.input->root));
        if (!manifest) return Err{backend_error("the job's input is not on this node")};
        vm::RegionInput input;
        input.manifest = *manifest;
        for (const vm::TreeRegion& region : manifest->regions) {
            MILLRACE_TRY(const auto found, blobs_.find_sound(blob_of(region)));
            if (!found) return Err{backend_error("a part of the job's input is not on this node")};
            input.files.emplace_back(found->path.string());
        }
        job.inputs.push_back(std::move(input));
    }
    job.output_regions = vm::WorkerPath(output.string());
    job.claim = true;
    return job;
}

Status<> LocalBackend::keep_output(const vm::WorkerDone& done, const fs::path& output,
                                   const std::atomic<bool>& is_cancelled) {
    for (std::size_t i = 0; i < done.output.regions.size(); ++i)
        MILLRACE_CHECK(keep_file(blobs_, output / (std::to_string(i) + ".region"),
                                 done.output.regions[i], is_cancelled));
    MILLRACE_TRY(const TreeRoot root, trees_.put_output(done.output));
    if (root != done.facts.output_root)
        return Err{backend_error("the worker's output differs from what it claims")};
    return trees_.put_tails(done.tails);
}

bool LocalBackend::take_memory(std::uint64_t bytes) {
    std::uint64_t taken = memory_taken_.load();
    do {
        if (bytes > limits_.memory_bytes || taken > limits_.memory_bytes - bytes) return false;
    } while (!memory_taken_.compare_exchange_weak(taken, taken + bytes));
    return true;
}

Result<market::Claim> LocalBackend::run(const TaskOrder& order,
                                        const std::atomic<bool>& is_cancelled,
                                        const ProgressListener& progress) {
    const Scratch output(scratch_ / std::to_string(runs_.fetch_add(1)));
    MILLRACE_TRY(const vm::WorkerJob job, worker_job(order, output.path()));
    if (job.memory_limit > limits_.memory_bytes)
        return Err{backend_error("the job asks for " + std::to_string(job.memory_limit / kMib) +
                                 " MiB, and provider-memory-mib gives this machine's tasks " +
                                 std::to_string(limits_.memory_bytes / kMib))};
    if (!take_memory(job.memory_limit))
        return Err{
            backend_error("the other tasks hold the memory of provider-memory-mib; this one "
                          "is tried again when they have ended")};
    const MemoryShare share(memory_taken_, job.memory_limit);
    vm::WorkerSetup setup;
    setup.program = limits_.worker;
    setup.deadline = order.time_left;
    // One thread computes, so it cannot have used more than the wall's time; a second for rounding.
    setup.cpu_seconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, order.time_left.count())) /
            kMsPerSecond +
        1;
    setup.address_space_extra = vm::kWorkerReservations + limits_.memory_bytes;
    bool is_the_image = false;
    const auto listen = [&](const vm::WorkerEvent& event) {
        if (const auto* started = std::get_if<vm::WorkerStarted>(&event)) {
            is_the_image = started->image == order.spec.image;
            progress(Gas{}, {});
        }
        if (const auto* now = std::get_if<vm::WorkerProgress>(&event))
            progress(Gas{now->gas}, now->tails);
    };
    const auto done = vm::run_in_worker(setup, job, listen, is_cancelled);
    if (!done.has_value()) return Err{backend_error(done.error().sentence)};
    if (!done->claim) return Err{backend_error("the worker made no claim")};
    if (!is_the_image)
        return Err{
            backend_error("the worker ran another image than the job names; do the versions of "
                          "millraced and millrace-worker agree?")};
    MILLRACE_CHECK(keep_output(*done, output.path(), is_cancelled));
    return *done->claim;
}

}  // namespace millrace::node
