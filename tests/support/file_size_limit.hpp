#pragma once

#include <sys/resource.h>

#include <csignal>

#include "common/assert.hpp"

namespace millrace::test {

/// A disk that is full, as far as one process can have one: while this lives no file grows beyond
/// so many bytes. A write is cut short at the limit, and the next one fails.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        MILLRACE_ASSERT(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit limit{bytes, before_.rlim_max};
        MILLRACE_ASSERT(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    ~FileSizeLimit() { MILLRACE_ASSERT(::setrlimit(RLIMIT_FSIZE, &before_) == 0); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit before_{};
};

}  // namespace millrace::test
