# SPDX-License-Identifier: Apache-2.0
# Settings that a user may override on the command line.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
VERSION := 0.1.0
B       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)
# Downloaded source packages; may be shared between checkouts.
DL      ?= $(B)/dl
TOP     := $(CURDIR)

LLVM    := 19
CLANG   := clang-$(LLVM)
CLANGXX := clang++-$(LLVM)
LLD     := ld.lld-$(LLVM)
AR      := llvm-ar-$(LLVM)
RANLIB  := llvm-ranlib-$(LLVM)
OBJCOPY := llvm-objcopy-$(LLVM)

# Everything that compiling a program for an enclave needs; the rule stands in mk/toolchain.mk.
TOOLCHAIN := $(B)/.toolchain
