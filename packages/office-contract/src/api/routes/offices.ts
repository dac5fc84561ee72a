import { z } from "zod";
import { OFFICE_NAME_LENGTH_MAX } from "../../limits.ts";
import { storableText } from "../../text.ts";
import { pageQuery } from "../fields.ts";
import { createOfficeSchema, officeListSchema, officeSchema, patchOfficeSchema } from "../offices.ts";
import { officeParams, type Route } from "./route.ts";

export const officeRoutes = {
  listOffices: {
    method: "get",
    path: "/offices",
    tag: "Offices",
    summary: "List the offices that the key opens",
    access: "office-read",
    query: z.strictObject({
      ...pageQuery,
      name: storableText(OFFICE_NAME_LENGTH_MAX).optional().describe("Only those of this name."),
    }),
    status: 200,
    response: officeListSchema,
  },
  createOffice: {
    method: "post",
    path: "/offices",
    tag: "Offices",
    summary: "Create an office",
    access: "admin",
    body: createOfficeSchema,
    status: 201,
    response: officeSchema,
    problems: ["conflict"],
  },
  getOffice: {
    method: "get",
    path: "/offices/:officeId",
    tag: "Offices",
    summary: "Show an office",
    access: "read",
    params: officeParams,
    status: 200,
    response: officeSchema,
  },
  patchOffice: {
    method: "patch",
    path: "/offices/:officeId",
    tag: "Offices",
    summary: "Change an office; pause it, archive it, or make it active again",
    access: "write",
    params: officeParams,
    body: patchOfficeSchema,
    status: 200,
    response: officeSchema,
    problems: ["conflict"],
  },
  deleteOffice: {
    method: "delete",
    path: "/offices/:officeId",
    tag: "Offices",
    summary: "Delete an office with all that is in it",
    access: "admin",
    params: officeParams,
    status: 204,
    response: null,
    problems: ["office_is_busy"],
  },
} as const satisfies Record<string, Route>;
