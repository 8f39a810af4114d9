#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/bounded.hpp"
#include "common/codec.hpp"
#include "vm/machine/claim.hpp"
#include "vm/wasi/arguments.hpp"
#include "vm/wasi/tree.hpp"

/// What a node and its worker process say to one another: one `WorkerJob` in, any number of
/// `WorkerEvent`s out, the last of them `WorkerDone` or `WorkerRefused`. Both sides are of one
/// build, but neither trusts the other: frames are bounded, and decoded by the strict codec. Each
/// frame is a u32 length, little-endian, and that many bytes.
namespace millrace::vm {

/// Largest frame: a job of 65,536 numbered inputs with short lists of regions fits.
inline constexpr std::uint32_t kWorkerFrameMax = 64U << 20;
/// The descriptor on which the worker finds its end of the socket pair.
inline constexpr int kWorkerDescriptor = 3;

using WorkerPath = BoundedString<4'096>;

/// A folder on this machine.
struct FolderInput {
    WorkerPath folder;
};
BOOST_DESCRIBE_STRUCT(FolderInput, (), (folder))

/// A tree whose regions lie in files, as blobs do; region k in `files[k]`.
struct RegionInput {
    TreeManifest manifest;
    BoundedVector<WorkerPath, kBigFilesMax + 1> files;
};
BOOST_DESCRIBE_STRUCT(RegionInput, (), (manifest, files))

using TreeInput = std::variant<FolderInput, RegionInput>;

/// One task.
struct WorkerJob {
    WorkerPath module;  ///< file of the WebAssembly module
    BoundedVector<BoundedString<4'096>, 4'096> args;
    BoundedVector<BoundedString<4'096>, 4'096> env;
    Seed seed;
    std::uint32_t task_index = 0;
    std::uint32_t task_count = 1;
    std::uint64_t job_time_ns = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t memory_limit = 0;  ///< bytes
    std::uint64_t segment_gas = 0;
    std::uint64_t output_bytes_max = kNoOutputCap;  ///< of all its files together
    bool numbered = false;  ///< `/in/00000` and so on; otherwise there is at most one input
    BoundedVector<TreeInput, kInputImagesMax> inputs;
    std::optional<WorkerPath> stdin_file;
    std::optional<WorkerPath> output_folder;   ///< extract the output here
    std::optional<WorkerPath> output_regions;  ///< write the output's regions here, a file each
    bool claim = true;                         ///< hash every boundary and make the claim
    bool stream = false;  ///< instead of a claim: send what the program writes, as it writes it
};
BOOST_DESCRIBE_STRUCT(WorkerJob, (),
                      (module, args, env, seed, task_index, task_count, job_time_ns, gas_limit,
                       memory_limit, segment_gas, output_bytes_max, numbered, inputs, stdin_file,
                       output_folder, output_regions, claim, stream))

/// A task of `module` with these arguments, to be claimed; inputs and outputs are still to be
/// named.
[[nodiscard]] WorkerJob worker_job(std::string module, const TaskArguments& arguments);

/// The task is ready to run.
struct WorkerStarted {
    ImageRoot image;
};
BOOST_DESCRIBE_STRUCT(WorkerStarted, (), (image))

/// A boundary was reached. The ends of the streams come along, as far as they are, when the run is
/// claimed; a run that streams has sent them already.
struct WorkerProgress {
    std::uint64_t gas = 0;
    Tails tails;
};
BOOST_DESCRIBE_STRUCT(WorkerProgress, (), (gas, tails))

/// The program wrote this to standard output (1) or error (2).
struct WorkerWrote {
    std::uint8_t stream = 1;
    BoundedBytes<65'536> bytes;
};
BOOST_DESCRIBE_STRUCT(WorkerWrote, (), (stream, bytes))

/// The task has ended, in whatever way, and its output has been delivered.
struct WorkerDone {
    FinalFacts facts;
    TreeManifest output;
    Tails tails;
    std::optional<Claim> claim;
    BoundedVector<BoundaryEntry, kBoundariesMax> boundaries;  ///< empty without a claim
};
BOOST_DESCRIBE_STRUCT(WorkerDone, (), (facts, output, tails, claim, boundaries))

/// Who is to blame when a task could not be run to its end.
enum class WorkerBlame : std::uint8_t {
    job = 1,      ///< its module, arguments or input are not sound
    machine = 2,  ///< this machine could not read, write or hold something
};
BOOST_DESCRIBE_ENUM(WorkerBlame, job, machine)

struct WorkerRefused {
    WorkerBlame blame = WorkerBlame::machine;
    BoundedString<4'096> sentence;
};
BOOST_DESCRIBE_STRUCT(WorkerRefused, (), (blame, sentence))

using WorkerEvent =
    std::variant<WorkerStarted, WorkerProgress, WorkerWrote, WorkerDone, WorkerRefused>;

/// The four bytes before a frame's contents, and what they say: nothing above `kWorkerFrameMax`,
/// whoever sent it.
inline constexpr std::size_t kWorkerHeaderSize = 4;
[[nodiscard]] inline std::array<std::uint8_t, kWorkerHeaderSize> frame_header(std::uint32_t size) {
    std::array<std::uint8_t, kWorkerHeaderSize> header{};
    store_le(header.data(), size);
    return header;
}
[[nodiscard]] inline std::optional<std::uint32_t> frame_size(
    const std::array<std::uint8_t, kWorkerHeaderSize>& header) {
    const auto size = load_le<std::uint32_t>(header.data());
    if (size > kWorkerFrameMax) return std::nullopt;
    return size;
}

/// Sends one frame on a socket. Refuses: a closed peer.
[[nodiscard]] Status<Error> send_frame(int fd, ByteView payload);
/// Receives one frame, waiting for it. Refuses: an end, or a length above `kWorkerFrameMax`.
[[nodiscard]] Result<Bytes> receive_frame(int fd);

}  // namespace millrace::vm
