#include "vm/native/worker_protocol.hpp"

#include <sys/socket.h>

#include <array>

#include "vm/native/posix.hpp"

namespace millrace::vm {

namespace {

Status<Error> send_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return Err{system_error("the other side of the worker's socket is gone")};
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return Ok{};
}

Status<Error> receive_all(int fd, MutableByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Err{system_error("cannot read from the worker's socket")};
        if (got == 0) return Err{Error{EPIPE, "the worker's socket was closed"}};
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return Ok{};
}

}  // namespace

Status<Error> send_frame(int fd, ByteView payload) {
    MILLRACE_ASSERT(payload.size() <= kWorkerFrameMax);
    MILLRACE_CHECK(send_all(fd, frame_header(static_cast<std::uint32_t>(payload.size()))));
    return send_all(fd, payload);
}

Result<Bytes> receive_frame(int fd) {
    std::array<std::uint8_t, kWorkerHeaderSize> header{};
    MILLRACE_CHECK(receive_all(fd, header));
    const auto size = frame_size(header);
    if (!size) return Err{Error{EMSGSIZE, "a frame is longer than 64 MiB"}};
    Bytes payload(*size);
    MILLRACE_CHECK(receive_all(fd, payload));
    return payload;
}

WorkerJob worker_job(std::string module, const TaskArguments& arguments) {
    WorkerJob job;
    job.module = WorkerPath(std::move(module));
    for (const std::string& text : arguments.args) job.args.emplace_back(text);
    for (const std::string& text : arguments.env) job.env.emplace_back(text);
    job.seed = arguments.seed;
    job.task_index = arguments.task_index;
    job.task_count = arguments.task_count;
    job.job_time_ns = arguments.job_time_ns;
    job.gas_limit = arguments.gas_limit;
    job.memory_limit = arguments.memory_limit;
    job.segment_gas = arguments.segment_gas;
    job.output_bytes_max = arguments.output_bytes_max;
    return job;
}

}  // namespace millrace::vm
